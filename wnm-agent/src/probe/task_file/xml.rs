//! The XML form of an earlier agent: `Schedule/Task` with `TaskRef`, `Description`, `TimePeriod`, `TimeOffset`, `TestType`
//! and `TestOptions/Option`.

use roxmltree::{Document, Node, ParsingOptions};
use wnm_core::probe::{ProbeTask, TaskCause, TaskProblem};

use super::{ReadPlan, TaskBuilder, TaskFileError, count, quoted, time};

/// The greatest count of nodes of a document.
const MOST_NODES: u32 = 200_000;

pub(super) fn read(text: &str, into: &mut ReadPlan) -> Result<(), TaskFileError> {
    // Without a document type there are no own entities, and no references to other files.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        // The parser does not say where.
        roxmltree::Error::DtdDetected => TaskFileError::DocumentType { line: line_of(text, "<!DOCTYPE") },
        // The parser gives no place to what is missing at the end.
        error @ (roxmltree::Error::UnexpectedEndOfStream | roxmltree::Error::UnclosedRootNode) => {
            let lines = u32::try_from(text.trim_end().lines().count()).unwrap_or(u32::MAX);
            TaskFileError::Xml { line: lines, reason: error.to_string() }
        }
        error => TaskFileError::Xml { line: error.pos().row, reason: quoted(&error.to_string()) },
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "Schedule" {
        return Err(TaskFileError::OtherRoot(quoted(root.tag_name().name())));
    }
    for (at, element) in (1..).zip(root.children().filter(|node| node.has_tag_name("Task"))) {
        let named = child_text(element, "TaskRef").filter(|name| !name.is_empty());
        let name = named.unwrap_or_else(|| i32::to_string(&at));
        match task(name.clone(), element) {
            Ok(task) => into.plan.tasks.push(task),
            Err(cause) => into.problems.push(TaskProblem::new(&name, cause).into()),
        }
    }
    Ok(())
}

/// Returns the line of the first occurrence of a word, from 1 on.
fn line_of(text: &str, word: &str) -> usize {
    let before = text.find(word).and_then(|at| text.get(..at)).unwrap_or_default();
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Returns the text of the first child of this name.
fn child_text(element: Node<'_, '_>, name: &str) -> Option<String> {
    let child = element.children().find(|node| node.has_tag_name(name))?;
    Some(child.text().unwrap_or_default().trim().to_owned())
}

fn task(name: String, element: Node<'_, '_>) -> Result<ProbeTask, TaskCause> {
    let mut builder = TaskBuilder::new(name);
    if let Some(text) = child_text(element, "TimePeriod") {
        builder.task.every = time("TimePeriod", &text)?;
    }
    if let Some(text) = child_text(element, "TimeOffset") {
        builder.task.offset = time("TimeOffset", &text)?;
    }
    if let Some(word) = child_text(element, "TestType") {
        builder.kind("TestType", &word)?;
    }
    let options = element.children().filter(|node| node.has_tag_name("TestOptions"));
    for option in options.flat_map(|options| options.children()).filter(|node| node.has_tag_name("Option")) {
        let key = option.attribute("key").unwrap_or_default();
        let value = option.attribute("value").or_else(|| option.text()).unwrap_or_default().trim();
        match key.to_ascii_lowercase().as_str() {
            "filesize" => builder.size("filesize", value)?,
            "workers" => builder.task.workers = count("workers", value)?,
            "offset" => builder.task.offset = builder.task.offset.saturating_add(time("offset", value)?),
            // The earlier agent counts the further runs.
            "repeat" => builder.task.repeat = count("repeat", value)?.max(1),
            "timeout" => builder.task.timeout = time("timeout", value)?,
            "retry" => builder.task.retry = count("retry", value)?,
            _ => return Err(TaskCause::UnknownKey { key: quoted(key) }),
        }
    }
    builder.finish()
}
