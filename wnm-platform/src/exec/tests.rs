//! Programs that behave, and some that do not.

use std::thread;
use std::time::Instant;

use super::*;

fn shell(script: &str) -> Call {
    Call::new("/bin/sh").args(["-c", script])
}

#[test]
fn streams_and_exit_code_are_captured() {
    let output = Exec::real().run(&shell("echo out; echo err >&2; exit 3")).unwrap();
    assert_eq!((output.code, output.text().as_str(), output.stderr.as_slice()), (Some(3), "out\n", &b"err\n"[..]));
    assert!(!output.is_success());
    let error = Exec::real().succeed(&shell("echo out; echo err >&2; exit 3")).unwrap_err();
    insta::assert_snapshot!(error, @r#"`/bin/sh -c "echo out; echo err >&2; exit 3"` failed with exit code 3: err"#);
    let killed = Exec::real().run(&shell("kill -9 $$")).unwrap();
    assert_eq!((killed.code, killed.signal, killed.ended()), (None, Some(9), "signal 9".to_owned()));
}

#[test]
fn missing_program_is_named() {
    let error = Exec::real().run(&Call::new("/no/such/program").arg("a b")).unwrap_err();
    insta::assert_snapshot!(error, @r#"cannot run `/no/such/program "a b"`: no such file or directory"#);
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn program_that_another_user_can_replace_does_not_run_as_root() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("shared")).unwrap();
    fs::write(at("shared/antctl"), "#!/bin/sh\ntouch \"$0.ran\"\n").unwrap();
    symlink(at("shared/antctl"), at("link")).unwrap();
    let set = |name: &str, mode| fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    let run = |name: &str| Exec::real().succeed(&Call::new(at(name)));
    for (file, around) in [(0o757, 0o755), (0o755, 0o777)] {
        set("shared/antctl", file);
        set("shared", around);
        for name in ["shared/antctl", "link"] {
            let error = run(name).unwrap_err();
            assert!(matches!(error, PlatformError::BinaryUntrusted { .. }), "{name} {file:o} {around:o}: {error}");
        }
    }
    assert!(!at("shared/antctl.ran").exists());
    set("shared", 0o755);
    run("shared/antctl").unwrap();
    assert!(at("shared/antctl.ran").exists());
}

#[test]
fn arguments_are_passed_unchanged() {
    let words = ["a b", "$HOME", "'", "", "*", "\n", "--x=\"y\""];
    let output = Exec::real().run(&shell(r#"for word in "$@"; do printf '%s|' "$word"; done"#).arg("sh").args(words));
    assert_eq!(output.unwrap().text(), words.map(|word| format!("{word}|")).concat());
}

#[test]
fn clean_environment_has_only_given_variables() {
    let call = Call::new("/usr/bin/env").only_environment([("ONE".to_owned(), "1 2".to_owned())]);
    assert_eq!(Exec::real().run(&call).unwrap().text(), "ONE=1 2\n");
}

#[test]
fn answers_are_in_english() {
    let command = Call::new("sudo").command();
    let set = |name: &str| command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value?.to_str());
    assert_eq!((set("LC_ALL"), set("LANGUAGE")), (Some("C.UTF-8"), Some("")));
}

#[test]
fn output_beyond_limit_ends_the_program() {
    let begun = Instant::now();
    for script in ["yes", "yes >&2", "head -c 3000000 /dev/zero; sleep 60"] {
        let mut call = shell(script).within(Duration::from_secs(60));
        call.output_limit = 1000;
        let error = Exec::real().run(&call).unwrap_err();
        assert!(matches!(&error, PlatformError::Flooded { limit: wnm_core::Bytes(1000), .. }), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    let mut call = shell("head -c 1000 /dev/zero; head -c 1000 /dev/zero >&2");
    call.output_limit = 1000;
    let output = Exec::real().run(&call).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len(), output.is_success()), (1000, 1000, true));
}

#[test]
fn hanging_program_is_killed_with_children() {
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = format!("trap '' TERM; sleep 61 & echo $! $$ > {}; echo waiting; wait", file.display());
    let error = Exec::real().run(&shell(&script).within(Duration::from_millis(500))).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(matches!(&error, PlatformError::Hung { printed, .. } if printed == "waiting"), "{error}");
    let pids = std::fs::read_to_string(file).unwrap();
    for pid in pids.split_whitespace() {
        let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        assert!(
            (0..100).any(|_| gone() || {
                thread::sleep(Duration::from_millis(10));
                false
            }),
            "{pid} lives on"
        );
    }
}

#[test]
fn child_with_open_streams_does_not_delay_result() {
    let begun = Instant::now();
    let output = Exec::real().run(&shell("echo started; sleep 3 & exit 0")).unwrap();
    assert_eq!(output.text(), "started\n");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn endless_output_ends_at_deadline() {
    let begun = Instant::now();
    assert!(Exec::real().run(&shell("yes").within(Duration::from_millis(300))).is_err());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn script_replaces_programs() {
    let exec = Exec::scripted(|call| match call.to_string().as_str() {
        "systemctl --version" => Ok(Output::success("systemd 257\n")),
        _ => Ok(Output::failure(1, "unknown operation")),
    });
    assert!(exec.succeed(&Call::new("systemctl").arg("--version")).is_ok());
    assert!(exec.clone().succeed(&Call::new("systemctl").arg("stop")).is_err());
}

#[test]
fn messages_do_not_show_secrets_of_nodes() {
    let call = Call::new("docker").args(["create", "--env=TOKEN=abc=d", "--env", "A=b c,D=e", "image"]);
    assert_eq!(call.summary(), "docker create --env=TOKEN=*** --env=*** image");
    let call = Call::new("antnode").args(["--version", "--api-key", "abc", "--rpc-url=https://u:p@h/", "--port", "1"]);
    assert_eq!(call.summary(), "antnode --version --api-key *** --rpc-url=https://***@h/ --port 1");
}
