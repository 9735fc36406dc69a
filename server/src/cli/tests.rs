//! The command line: what is understood, and what is said to a mistake.

use super::*;

const STYLES: &[&str] = &["bestie", "corporate", "plain", "skibidi"];

fn parsed(line: &str) -> Result<Cli, Stop> {
    parse(std::iter::once("twitchy").chain(line.split_whitespace()).map(OsString::from))
}

fn command(line: &str) -> Command {
    parsed(line).unwrap_or_else(|stop| panic!("{stop:?}")).command
}

#[test]
fn the_declaration_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn serve_takes_flags_before_and_behind() {
    for line in [
        "serve --data /d --listen 127.0.0.1:0 --roles gateway,persist --log-format json --log-level debug --config c",
        "--config c --data /d --log-format json --log-level debug serve --listen 127.0.0.1:0 --roles gateway,persist",
    ] {
        let cli = parsed(line).unwrap();
        assert_eq!(cli.config.as_deref(), Some(Path::new("c")));
        assert_eq!((cli.log_format, cli.log_level.clone()), (Some(LogFormat::Json), "debug".parse().ok()));
        let flags: Vec<_> = cli.flags().into_iter().map(|flag| (flag.name, flag.path, flag.text)).collect();
        assert_eq!(
            flags,
            [
                ("--data", "server.data", "/d".to_owned()),
                ("--listen", "server.listen", "127.0.0.1:0".to_owned()),
                ("--roles", "roles", "gateway,persist".to_owned()),
            ]
        );
    }
    assert_eq!(parsed("serve").unwrap().flags(), []);
}

#[test]
fn every_flag_stands_for_a_setting() {
    let flags = parsed("config check --data /d --listen [::1]:0 --roles persist").unwrap().flags();
    assert_eq!(flags.len(), 3);
    for flag in flags {
        assert!(crate::config::KEYS.iter().any(|key| key.path == flag.path), "{}", flag.path);
    }
}

#[test]
fn commands_are_understood() {
    let name = || "alice".to_owned();
    assert_eq!(
        command("user create alice --admin"),
        Command::User(UserCommand::Create { name: name(), password_stdin: false, admin: true, bot: false })
    );
    assert_eq!(
        command("user promote alice --revoke"),
        Command::User(UserCommand::Promote { name: name(), revoke: true })
    );
    assert_eq!(
        command("user reset-password alice --password-stdin"),
        Command::User(UserCommand::ResetPassword { name: name(), password_stdin: true })
    );
    assert_eq!(command("migrate --data /d"), Command::Migrate);
    assert_eq!(command("config print"), Command::Config(ConfigCommand::Print(ServeFlags::default())));
    let listen = SocketAddr::from(([127, 0, 0, 1], 9001));
    assert_eq!(
        command("conformance-echo --listen 127.0.0.1:9001"),
        Command::ConformanceEcho { listen, message_bytes_max: 16 * 1024 }
    );
    assert_eq!(
        command("conformance-echo --listen 127.0.0.1:9001 --message-bytes-max 16777216"),
        Command::ConformanceEcho { listen, message_bytes_max: 16 * 1024 * 1024 }
    );
}

#[test]
fn mistakes_are_one_line() {
    for (line, word) in [
        ("serve --listten x", "--listten"),
        ("sreve", "serve"),
        ("serve --log-format xml", "xml"),
        ("serve --log-level server=loud", "server=loud"),
        ("user create", "<NAME>"),
        ("room create night", "--title"),
        ("room retitle night", "--title"),
        ("conformance-echo", "--listen"),
        ("conformance-echo --listen 127.0.0.1:1 --message-bytes-max 0", "--message-bytes-max"),
        ("serve \u{1b}[31mx\u{7}", "unexpected argument"),
    ] {
        match parsed(line) {
            Err(Stop::Refused(text)) => {
                assert!(text.contains(word) && text.lines().count() == 1, "{line}: {text}");
                assert!(text.ends_with(" (see twitchy --help)\n") && !text.starts_with("error"), "{text}");
                assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn help_and_version_go_to_standard_output_unless_nothing_was_asked() {
    let Err(Stop::Said(help)) = parsed("--help") else { panic!("no help") };
    for word in ["Examples:", "serve", "conformance-echo", "Exit codes:", "TWITCHY_<SECTION>__<KEY>"] {
        assert!(help.contains(word), "{word}\n{help}");
    }
    let version = format!("twitchy {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(parsed("--version"), Err(Stop::Said(version)));
    for line in ["", "user", "config"] {
        assert!(matches!(parsed(line), Err(Stop::Refused(text)) if text.contains("Usage:")), "{line}");
    }
}

#[test]
fn the_file_is_the_flags_then_the_variables() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, port: u16| {
        let path = folder.path().join(name);
        let room = "[[rooms]]\nslug = \"abc\"\ntitle = \"A\"\ntransformer = \"plain\"";
        std::fs::write(&path, format!("[server]\nlisten = \"127.0.0.1:{port}\"\n{room}")).unwrap();
        path.into_os_string()
    };
    let environment = [(CONFIG_VARIABLE.into(), write("variable.toml", 1))];
    let flag = write("flag.toml", 2);
    let port = |cli: &Cli, environment: &[(OsString, OsString)]| {
        cli.load(environment, STYLES)
            .map(|loaded| loaded.config.server.listen.port())
            .map_err(|e| e.to_string())
    };
    let mut cli = parsed("serve").unwrap();
    assert_eq!(port(&cli, &environment), Ok(1));
    cli.config = Some(flag.into());
    assert_eq!(port(&cli, &environment), Ok(2));
    cli.config = Some(folder.path().join("none.toml"));
    assert!(port(&cli, &environment).is_err_and(|error| error.contains("none.toml")));
    let cli = Cli { config: None, ..parsed("serve --listen 127.0.0.1:3").unwrap() };
    assert_eq!(port(&cli, &environment), Ok(3));
}

#[test]
fn exit_codes_are_those_of_the_protocol() {
    let codes = [Exit::Failure, Exit::Usage, Exit::Unavailable, Exit::Disk].map(|exit| exit as u8);
    assert_eq!(codes, [1, 64, 69, 74]);
}
