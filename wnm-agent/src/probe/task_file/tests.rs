//! Task files, right and wrong.

use proptest::prelude::*;

use super::*;

const ADDRESS: &str = "8a12abcd8a12abcd8a12abcd8a12abcd8a12abcd8a12abcd8a12abcd8a12abcd";

fn read(texts: &[&str]) -> ReadPlan {
    read_plan(texts.iter().map(|text| text.as_bytes())).unwrap()
}

fn refused(text: impl AsRef<[u8]>) -> String {
    read_plan([text.as_ref()]).unwrap_err().1.to_string()
}

#[test]
fn toml_gives_tasks_files_and_seeds() {
    let text = format!(
        r#"
        [[task]]
        name = "downloads"
        kind = "download"
        size = "small"
        every = "30min"
        offset = "5min"
        workers = 2
        repeat = 3
        timeout = 90
        retry = 1
        [[task]]
        kind = "quote"
        size = "tiny"
        [[file]]
        size = "small"
        name = "picture"
        address = "{ADDRESS}"
        md5 = "900150983CD24FB0D6963F7D28E17F72"
        [[seed]]
        size = "tiny"
        seed = 7
        bytes = "1MB"
        "#
    );
    let ReadPlan { plan, problems } = read(&[&text]);
    assert_eq!(problems, []);
    let first = &plan.tasks[0];
    assert_eq!((first.name.as_str(), first.kind, first.size), ("downloads", ProbeKind::Download, SizeClass::Small));
    assert_eq!([first.every, first.offset, first.timeout].map(|time| time.as_secs()), [1800, 300, 90]);
    assert_eq!((first.workers, first.repeat, first.retry), (2, 3, 1));
    assert_eq!(plan.tasks[1].name, "2");
    assert_eq!(plan.files[0].md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!((plan.seeds[0].seed, plan.seeds[0].bytes.0), (7, 1_000_000));
}

#[test]
fn earlier_xml_and_lists_are_read_as_they_are() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Schedule>
          <Task>
            <TaskRef>T1</TaskRef><Description>one &amp; only</Description>
            <TimePeriod>3600</TimePeriod><TimeOffset>300</TimeOffset>
            <TestType>Download</TestType>
            <TestOptions>
              <Option key="filesize">chunka</Option>
              <Option key="workers" value="3"/>
              <Option key="offset">60</Option>
              <Option key="repeat">0</Option>
              <Option key="timeout">00:05:00</Option>
              <Option key="retry">2</Option>
            </TestOptions>
          </Task>
        </Schedule>"#;
    let files =
        format!("fileSize,name,address,md5\nchunkb,a,{ADDRESS},0\ntiny,b,{ADDRESS},900150983cd24fb0d6963f7d28e17f72\n");
    let ReadPlan { plan, problems } = read(&[xml, &files, "small,7,5000000,0\n"]);
    assert_eq!(problems, []);
    let task = &plan.tasks[0];
    assert_eq!((task.name.as_str(), task.size, task.workers, task.repeat), ("T1", SizeClass::Tiny, 3, 1));
    assert_eq!([task.every, task.offset, task.timeout].map(|time| time.as_secs()), [3600, 360, 300]);
    assert_eq!(plan.files.iter().map(|file| file.md5.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!((plan.seeds[0].size, plan.seeds[0].seed), (SizeClass::Small, 7));
}

#[test]
fn wrong_value_skips_its_task_only() {
    for (line, cause) in [
        ("size = \"enormous\"", "size = \"enormous\" is none of tiny, small, medium, large, huge, giga, tera"),
        ("kind = \"delete\"", "kind = \"delete\" is none of download, quote, upload"),
        ("workers = 11", "workers is not in the range 1 to 10"),
        ("workers = -1", "workers = \"-1\" is not a whole number"),
        ("every = \"soon\"", "every = \"soon\" is not a time, such as 90, 90s, 5min or 01:00:00"),
        ("every = 59", "every is not in the range 60s to 86400s"),
        ("offset = 3600", "offset is not in the range 0s to 3599s"),
        ("timeout = 0", "timeout is not in the range 1s to 86400s"),
        ("colour = 1", "unknown key \"colour\""),
    ] {
        let base = [("size", "size = \"tiny\""), ("kind", "kind = \"quote\"")];
        let own = base.iter().filter(|(key, _)| !line.starts_with(key)).map(|(_, line)| *line);
        let lines: Vec<&str> = own.chain([line]).collect();
        let text = format!(
            "[[task]]\nname = \"bad\"\n{}\n[[task]]\nname = \"good\"\nkind = \"quote\"\nsize = \"tiny\"\n",
            lines.join("\n")
        );
        let ReadPlan { plan, problems } = read(&[&text]);
        assert_eq!(plan.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["good"], "{line}");
        let want = format!("task \"bad\" is skipped: {cause}");
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
    }
}

#[test]
fn tasks_without_files_and_second_names_are_skipped() {
    let task = |kind: &str| format!("[[task]]\nname = \"t\"\nkind = \"{kind}\"\nsize = \"huge\"\n");
    let ReadPlan { plan, problems } = read(&[&task("download"), &task("quote"), &task("quote")]);
    assert_eq!(plan.tasks.len(), 1);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "task \"t\" is skipped: the plan has no file of size huge to download",
            "task \"t\" is skipped: an earlier task has the same name"
        ]
    );
}

#[test]
fn address_of_shell_words_or_flags_is_refused() {
    for address in ["--help", "$(reboot)", "; rm -rf /", "", "zz", &"g".repeat(64), "/etc/passwd"] {
        let file = format!("tiny,a,{address},0");
        let ReadPlan { plan, problems } = read(&[&format!("fileSize,name,address,md5\n{file}\n")]);
        assert_eq!((plan.files.len(), problems.len()), (0, 1), "{address}");
    }
}

#[test]
fn texts_that_are_too_long_or_not_printable_are_refused() {
    let [long, longer] = [101, 500].map(|length| "x".repeat(length));
    for name in ["a\\u001b[31m", "a\\nb", &long, &longer, ""] {
        let text = format!("[[task]]\nname = \"{name}\"\nkind = \"quote\"\nsize = \"tiny\"\n");
        let ReadPlan { plan, problems } = read(&[&text]);
        let problem = problems[0].to_string();
        assert!(plan.tasks.is_empty() && problem.len() < 400 && !problem.contains(char::is_control), "{problem}");
    }
    let huge = "8a".repeat(100_000);
    let files = format!("tiny,{long},{ADDRESS},0\ntiny,b,{huge},0\ntiny,,{ADDRESS},0\n");
    let ReadPlan { plan, problems } = read(&[&files]);
    assert_eq!(plan.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["8a12abcd8a12"]);
    assert!(problems.len() == 2 && problems.iter().all(|problem| problem.to_string().len() < 400));
    let numbered = read(&["[[task]]\nname = 7\nkind = \"quote\"\nsize = \"tiny\"\n"]);
    assert_eq!(numbered.plan.tasks[0].name, "7");
}

#[test]
fn file_that_is_no_task_file_is_refused_with_its_line() {
    let laughs = "<!DOCTYPE s [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><Schedule>&b;</Schedule>";
    let external = "<!DOCTYPE s [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Schedule>&a;</Schedule>";
    insta::assert_snapshot!(
        [
            refused(""),
            refused("# only a comment\n"),
            refused("hello"),
            refused("[[task]]\nname = \n"),
            refused("[[job]]\nname = \"t\"\n"),
            refused("<Schedule>\n<Task>\n"),
            refused("<Other/>"),
            refused(laughs),
            refused(external),
            refused("<Schedule>&a;</Schedule>"),
            refused([0xff, 0xfe]),
            refused(vec![b'a'; LONGEST + 1]),
        ]
        .join("\n")
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "(<Schedule>)?[<>/=\\[\\]a-z0-9,\\n\"& !]{0,200}") {
        let _ = read_plan([bytes.as_slice()]);
        let _ = read_plan([text.as_bytes()]);
    }

    #[test]
    fn every_plan_is_within_its_ranges(workers in 0..100_u32, repeat in 0..1000_u32, every in 0..200_000_u64) {
        let text = format!("[[task]]\nkind=\"quote\"\nsize=\"tiny\"\nworkers={workers}\nrepeat={repeat}\nevery={every}\n");
        for task in read(&[&text]).plan.tasks {
            prop_assert_eq!(task.check(), Ok(()));
        }
    }
}
