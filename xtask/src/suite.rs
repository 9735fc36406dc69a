//! `cargo xtask test`: the list of all steps, what each needs, and how they are told.
//!
//! It does not know how a step works. The order matters: what is quick and often wrong comes first, and the web
//! client is built before anything that compiles the server, which embeds it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    browser, conformance,
    failure::{Failure, Result},
    gen_types, journey, node, note,
    process::{Workspace, ask, check, find_program},
    say,
    servers::{Purpose, Servers},
    tidy, tls, web,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    no_e2e: bool,
    keep_going: bool,
    /// Only the steps whose names contain this, and what they need.
    step: Option<String>,
    /// For `cargo test`.
    cargo_test: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--no-e2e" => options.no_e2e = true,
                "--keep-going" => options.keep_going = true,
                "--" => options.cargo_test = rest.by_ref().cloned().collect(),
                flag if flag.starts_with('-') => {
                    return Err(Failure::Usage(format!(
                        "`test` does not take `{flag}`; see `cargo xtask help`"
                    )));
                }
                step if options.step.is_none() => options.step = Some(step.to_owned()),
                second => {
                    return Err(Failure::Usage(format!(
                        "`test` takes one word to choose steps by, and `{second}` is a second one"
                    )));
                }
            }
        }
        Ok(options)
    }
}

struct Step {
    name: &'static str,
    /// Names of earlier steps without which this one cannot be done.
    needs: &'static [&'static str],
    run: fn(&mut Context<'_>) -> Result<()>,
}

/// What steps share.
struct Context<'a> {
    workspace: &'a Workspace,
    cargo_test: &'a [String],
    /// Set by the step that finds it.
    browser: Option<PathBuf>,
    /// Started by a step, and at work until the end of the run.
    servers: Option<Servers>,
}

const STEPS: [Step; 18] = [
    Step { name: "fmt", needs: &[], run: fmt },
    Step { name: "tidy", needs: &[], run: |context| tidy::run(context.workspace) },
    Step { name: "examples", needs: &[], run: examples },
    Step { name: "load scripts", needs: &[], run: load_scripts },
    Step { name: "web packages", needs: &[], run: web_packages },
    Step { name: "generated types", needs: &[], run: |context| gen_types::check(context.workspace) },
    Step {
        name: "web check",
        needs: &["web packages"],
        run: |context| web::script(context.workspace, "check"),
    },
    Step {
        name: "web tests",
        needs: &["web packages"],
        run: |context| web::script(context.workspace, "test"),
    },
    Step { name: "web build", needs: &["web packages"], run: |context| web::build(context.workspace) },
    Step { name: "clippy", needs: &["web build"], run: clippy },
    Step { name: SERVERS, needs: &[], run: start_servers },
    Step { name: "rust tests", needs: &["web build", SERVERS], run: rust_tests },
    Step { name: "tls to real servers", needs: &[SERVERS], run: tls_tests },
    Step {
        name: "websocket conformance",
        needs: &["rust tests"],
        run: |context| conformance::run(context.workspace),
    },
    Step { name: "example bot", needs: &["web build"], run: example_bot },
    Step { name: BROWSER, needs: &[], run: provide_browser },
    Step { name: JOURNEY, needs: &["web build", BROWSER], run: journey },
    Step { name: MODERATION, needs: &["web build", BROWSER], run: moderation },
];

const SERVERS: &str = "real servers";
const BROWSER: &str = "e2e browser";
const JOURNEY: &str = "e2e journey";
const MODERATION: &str = "e2e moderation";

fn fmt(context: &mut Context<'_>) -> Result<()> {
    provide_component(context.workspace, "fmt", "rustfmt")?;
    check(context.workspace.cargo().args(["fmt", "--all", "--", "--check"]))
}

/// Programs that are shown to others to copy from; they need nothing but Node.
fn examples(context: &mut Context<'_>) -> Result<()> {
    node::find(context.workspace)?;
    check(context.workspace.command("node").args(["--test", "examples/read_log.test.mjs"]))
}

/// What is written for k6, Node and goose beside our own generator, which the tests play: is it sound as far as one sees
/// without fetching k6 and 250 crates?
fn load_scripts(context: &mut Context<'_>) -> Result<()> {
    let workspace = context.workspace;
    node::find(workspace)?;
    provide_component(workspace, "fmt", "rustfmt")?;
    for (folder, ending) in [("k6", "js"), ("peers", "cjs")] {
        for path in files_of(&workspace.path("load-tests").join(folder), ending)? {
            let kind = if ending == "js" { "module" } else { "commonjs" };
            let file = File::open(&path).map_err(|source| Failure::file(&path, source))?;
            let mut command = workspace.command("node");
            check(command.args(["--check", &format!("--input-type={kind}")]).stdin(file))?;
        }
    }
    let manifest = "load-tests/goose/Cargo.toml";
    check(workspace.cargo().args(["fmt", "--manifest-path", manifest, "--", "--check"]))
}

/// The files of a folder whose names end like this.
fn files_of(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let told = |source| Failure::file(folder, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|of_file| of_file == ending) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Failure::Answer {
            line: folder.display().to_string(),
            what: format!("has no .{ending} file"),
        });
    }
    files.sort();
    Ok(files)
}

/// The example bot talks to the server that was built for the tests.
fn example_bot(context: &mut Context<'_>) -> Result<()> {
    node::find(context.workspace)?;
    let binary = journey::server_binary(context.workspace)?;
    check(
        context
            .workspace
            .command("node")
            .args(["--test", "examples/dice_bot.test.mjs"])
            .env("TWITCHY", binary),
    )
}

fn web_packages(context: &mut Context<'_>) -> Result<()> {
    let node = node::find(context.workspace)?;
    web::install(context.workspace, &node)
}

fn clippy(context: &mut Context<'_>) -> Result<()> {
    provide_component(context.workspace, "clippy", "clippy")?;
    check(context.workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn start_servers(context: &mut Context<'_>) -> Result<()> {
    context.servers = Some(Servers::start(context.workspace, Purpose::Tests)?);
    Ok(())
}

fn rust_tests(context: &mut Context<'_>) -> Result<()> {
    let servers = context.servers.as_ref().expect("started by a step that this one needs");
    let mut command = context.workspace.cargo();
    command.args(["test", "--workspace"]).args(context.cargo_test).envs(servers.variables.iter().cloned());
    check(&mut command)
}

fn tls_tests(context: &mut Context<'_>) -> Result<()> {
    let servers = context.servers.as_ref().expect("started by a step that this one needs");
    tls::run(context.workspace, servers)
}

fn provide_browser(context: &mut Context<'_>) -> Result<()> {
    let path = browser::provide(context.workspace)?;
    note(&format!("Chromium is {}", path.display()));
    context.browser = Some(path);
    Ok(())
}

fn journey(context: &mut Context<'_>) -> Result<()> {
    let browser = context.browser.as_deref().expect("set by a step that this one needs");
    journey::run(context.workspace, browser)
}

fn moderation(context: &mut Context<'_>) -> Result<()> {
    let browser = context.browser.as_deref().expect("set by a step that this one needs");
    journey::moderation(context.workspace, browser)
}

/// A component of the toolchain that a minimal installation leaves out.
fn provide_component(workspace: &Workspace, subcommand: &str, component: &str) -> Result<()> {
    if ask(workspace.cargo().args([subcommand, "--version"])).is_some() {
        return Ok(());
    }
    if find_program(&["rustup"]).is_none() {
        let remedy = format!("the packages of your Rust, or rustup and `rustup component add {component}`");
        return Err(Failure::Missing { what: component.into(), remedy });
    }
    note(&format!("adding {component} (rustup component add)"));
    check(workspace.command("rustup").args(["component", "add", component]))
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    NotRun,
}

struct Report {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let chosen = choose(&STEPS, options)?;
    let mut context = Context { workspace, cargo_test: &options.cargo_test, browser: None, servers: None };
    let reports = run_steps(&chosen, options.keep_going, &mut context);
    eprint!("{}", table(&reports));
    say(&counts(&reports));
    let failed = reports.iter().any(|report| matches!(report.outcome, Outcome::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The steps to run, in their order: those that are asked for, and all that these need.
fn choose<'a>(steps: &'a [Step], options: &Options) -> Result<Vec<&'a Step>> {
    let asked_for = |step: &Step| options.step.as_deref().is_none_or(|word| step.name.contains(word));
    let left_out = |step: &Step| options.no_e2e && step.name.starts_with("e2e");
    let mut wanted: Vec<&str> = Vec::new();
    // Backwards, because needs point to earlier steps.
    for step in steps.iter().rev() {
        if (asked_for(step) && !left_out(step)) || wanted.contains(&step.name) {
            wanted.push(step.name);
            wanted.extend(step.needs);
        }
    }
    if wanted.is_empty() {
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(Failure::Usage(format!("no step to run; the steps are: {}", names.join(", "))));
    }
    Ok(steps.iter().filter(|step| wanted.contains(&step.name)).collect())
}

fn run_steps(steps: &[&Step], keep_going: bool, context: &mut Context<'_>) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let passed = |name: &str| {
            reports.iter().any(|report| report.name == name && matches!(report.outcome, Outcome::Passed))
        };
        let stopped =
            !keep_going && reports.iter().any(|report| matches!(report.outcome, Outcome::Failed(_)));
        if stopped || !step.needs.iter().all(|need| passed(need)) {
            reports.push(Report { name: step.name, outcome: Outcome::NotRun, took: Duration::ZERO });
            continue;
        }
        note(&format!("[{}/{}] {}", index + 1, steps.len(), step.name));
        let started = Instant::now();
        let outcome = match (step.run)(context) {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure.to_string()),
        };
        let took = started.elapsed();
        match &outcome {
            Outcome::Failed(why) => {
                note(&format!("{} FAILED after {:.1} s: {why}", step.name, took.as_secs_f64()));
            }
            _ => note(&format!("{} passed in {:.1} s", step.name, took.as_secs_f64())),
        }
        reports.push(Report { name: step.name, outcome, took });
    }
    reports
}

fn table(reports: &[Report]) -> String {
    let mut text = String::from("\n");
    for Report { name, outcome, took } in reports {
        let seconds = took.as_secs_f64();
        text += &match outcome {
            Outcome::Passed => format!("  passed  {seconds:>7.1} s  {name}\n"),
            Outcome::Failed(why) => format!("  FAILED  {seconds:>7.1} s  {name}: {why}\n"),
            Outcome::NotRun => format!("  not run           -  {name}\n"),
        };
    }
    let total: Duration = reports.iter().map(|report| report.took).sum();
    text + &format!("  in all  {:>7.1} s\n", total.as_secs_f64())
}

/// The last line of all, for machines too.
fn counts(reports: &[Report]) -> String {
    let count =
        |wanted: fn(&Outcome) -> bool| reports.iter().filter(|report| wanted(&report.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    format!("{passed} passed, {failed} failed\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(_: &mut Context<'_>) -> Result<()> {
        Ok(())
    }

    fn fails(_: &mut Context<'_>) -> Result<()> {
        Err(Failure::Repository("broken".into()))
    }

    const FIXTURE: [Step; 4] = [
        Step { name: "first", needs: &[], run: passes },
        Step { name: "middle", needs: &["first"], run: fails },
        Step { name: "e2e last", needs: &["middle"], run: passes },
        Step { name: "alone", needs: &[], run: passes },
    ];

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn chosen(steps: &[Step], arguments: &[&str]) -> Vec<&'static str> {
        let options = parse(arguments).expect("valid options");
        choose(steps, &options).expect("some steps").iter().map(|step| step.name).collect()
    }

    fn reports(keep_going: bool) -> Vec<Report> {
        let workspace = Workspace::find();
        let mut context = Context { workspace: &workspace, cargo_test: &[], browser: None, servers: None };
        run_steps(&FIXTURE.each_ref(), keep_going, &mut context)
    }

    #[test]
    fn a_word_chooses_steps_and_what_they_need() {
        assert_eq!(chosen(&FIXTURE, &[]), ["first", "middle", "e2e last", "alone"]);
        assert_eq!(chosen(&FIXTURE, &["last"]), ["first", "middle", "e2e last"]);
        assert_eq!(chosen(&FIXTURE, &["alone"]), ["alone"]);
        assert_eq!(chosen(&FIXTURE, &["--no-e2e"]), ["first", "middle", "alone"]);
        assert!(choose(&FIXTURE, &parse(&["nothing"]).expect("valid")).is_err());
    }

    #[test]
    fn every_need_is_an_earlier_step() {
        for (index, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..index].iter().any(|earlier| earlier.name == *need), "{}: {need}", step.name);
            }
        }
    }

    #[test]
    fn the_web_client_is_built_before_the_server_is_compiled() {
        for step in ["clippy", "rust tests", JOURNEY, MODERATION] {
            assert!(chosen(&STEPS, &[step]).contains(&"web build"), "{step}");
        }
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let reports = reports(false);
        assert_eq!(counts(&reports), "1 passed, 1 failed\n");
        assert!(table(&reports).contains("middle: broken"));
        assert!(matches!(reports[3].outcome, Outcome::NotRun));
    }

    #[test]
    fn keep_going_runs_what_does_not_need_the_failed_step() {
        let reports = reports(true);
        assert_eq!(counts(&reports), "2 passed, 1 failed\n");
        assert!(matches!(reports[2].outcome, Outcome::NotRun), "needs what failed");
        assert!(matches!(reports[3].outcome, Outcome::Passed));
    }

    #[test]
    fn options_are_taken_apart() {
        let options =
            parse(&["--keep-going", "rust", "--no-e2e", "--", "resume", "--release"]).expect("valid");
        let expected = Options {
            no_e2e: true,
            keep_going: true,
            step: Some("rust".into()),
            cargo_test: vec!["resume".into(), "--release".into()],
        };
        assert_eq!(options, expected);
        assert!(parse(&["--fast"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }
}
