//! Bad data folders: one clear line, exit code 74, and nothing touched.

use crate::support::{TWITCHY, alone, folder, serve_to_the_end, server, tell};
use redb::{Builder, TableDefinition};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Everything in a folder: names, kinds, rights, owners and contents.
fn contents(path: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.insert(path, (meta.mode(), meta.uid(), bytes));
    }
    all
}

/// Starts the server on it, which must refuse in one line that says each of these.
fn refused(data: &Path, before: &[&str], words: &[&str]) -> String {
    let was = contents(data);
    let ended = serve_to_the_end(data, before);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(ended.stdout.is_empty(), "nothing is ready");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("twitchy: ")).collect();
    let [line] = lines[..] else { panic!("not one line:\n{said}") };
    assert!(said.ends_with(&format!("{line}\n")), "it is not the last line:\n{said}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
    assert!(line.contains(&data.display().to_string()), "it does not say where: {line:?}");
    let is = contents(data);
    let mut changed: Vec<_> =
        was.keys().chain(is.keys()).filter(|path| was.get(*path) != is.get(*path)).collect();
    changed.dedup();
    assert!(changed.is_empty(), "something was touched: {changed:?}\n{said}");
    line.to_owned()
}

/// A data folder that was used and closed.
fn used(folder: &Path) -> PathBuf {
    let mut server = server(folder);
    assert_eq!(server.terminate().unwrap().code(), Some(0));
    folder.join("data")
}

/// A part of a newer version inside a folder of ours: nobody writes that, and still its rows are not touched. (Opening
/// a database writes into its head; a folder of a newer version is refused before that, by its mark.)
fn refused_part(data: &Path, words: &[&str]) {
    let ended = serve_to_the_end(data, &[]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

/// Writes one value of the table `meta` of a file of ours.
fn set_meta(file: &Path, key: &str, value: &[u8]) {
    let table: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let database = Builder::new().open(file).unwrap();
    let change = database.begin_write().unwrap();
    change.open_table(table).unwrap().insert(key, value).unwrap();
    change.commit().unwrap();
}

#[test]
fn bad_data_a_file_where_a_folder_should_be() {
    let _alone = alone();
    let folder = folder();
    let data = folder.path().join("data");
    fs::write(&data, "not a folder").unwrap();
    refused(&data, &[], &["is a file", "--data"]);
    for part in ["log", "store"] {
        let other = folder.path().join(format!("with-{part}"));
        fs::create_dir(&other).unwrap();
        fs::write(other.join(part), "not a folder").unwrap();
        let ended = serve_to_the_end(&other, &[]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(74), "{said}");
        assert!(said.contains(&other.join(part).display().to_string()), "{said}");
        assert_eq!(fs::read(other.join(part)).unwrap(), b"not a folder");
    }
}

#[test]
fn bad_data_of_a_newer_version() {
    let _alone = alone();
    let folders = [folder(), folder(), folder(), folder()];
    let data = used(folders[0].path());
    fs::write(data.join("FORMAT"), "twitchy data folder 2\n").unwrap();
    refused(&data, &[], &["format 2", "newer"]);
    let data = used(folders[1].path());
    set_meta(&data.join("log/log.redb"), "format", b"twitchy event log v2");
    refused_part(&data, &["format 2", "newer", "log.redb"]);
    for (folder, file) in [(&folders[2], "accounts"), (&folders[3], "messages")] {
        let data = used(folder.path());
        set_meta(&data.join(format!("store/{file}.redb")), "format", &2_u32.to_be_bytes());
        refused_part(&data, &["format 2", "newer", file]);
    }
}

#[test]
fn bad_data_of_another_program() {
    let _alone = alone();
    let folder_ = folder();
    let data = folder_.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "17\n").unwrap();
    fs::create_dir(data.join("log")).unwrap();
    refused(&data, &[], &["PG_VERSION", "not ours"]);
    for file in ["log/log.redb", "store/accounts.redb", "store/messages.redb", "FORMAT"] {
        let folder = folder();
        let data = used(folder.path());
        fs::write(data.join(file), "SQLite format 3\0 and so on".repeat(400)).unwrap();
        refused(&data, &[], &[if file == "FORMAT" { "not ours" } else { file }]);
    }
}

#[test]
fn bad_data_half_a_folder() {
    let _alone = alone();
    for (gone, named) in [
        ("log", "log/log.redb"),
        ("log/log.redb", "log/log.redb"),
        ("store", "store/accounts.redb"),
        ("store/accounts.redb", "store/accounts.redb"),
    ] {
        let folder = folder();
        let data = used(folder.path());
        let path = data.join(gone);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        refused(&data, &[], &[named, "missing"]);
    }
}

#[test]
fn bad_data_in_use_by_another_process() {
    let _alone = alone();
    let folder = folder();
    let server = server(folder.path());
    let data = folder.path().join("data");
    refused(&data, &[], &["another process"]);
    // A command that needs the accounts alone is refused as well.
    let was = contents(&data);
    let ended = Command::new(TWITCHY).args(["user", "create", "ada", "--data"]).arg(&data).output().unwrap();
    assert_eq!(ended.status.code(), Some(74), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("in use by another process"), "{ended:?}");
    assert!(was == contents(&data));
    drop(server);
}

/// Where this runs as root, the server runs as nobody, since root may read everything.
#[test]
fn bad_data_of_another_owner() {
    let _alone = alone();
    let name = "bad_data_of_another_owner";
    let folder = folder();
    let data = used(folder.path());
    let as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let before: &[&str] = if rustix::process::geteuid().is_root() {
        let can = Command::new(as_nobody[0]).args(&as_nobody[1..]).args([TWITCHY, "--version"]).output();
        if !can.is_ok_and(|done| done.status.success()) {
            return tell(&format!("{name}: NOT RUN, the program cannot be started as nobody"));
        }
        // What lies above must not be in the way.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        &as_nobody
    } else {
        fs::set_permissions(&data, fs::Permissions::from_mode(0o000)).unwrap();
        let ended = serve_to_the_end(&data, &[]);
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(74), "{said}");
        assert!(said.contains("ermission denied"), "{said}");
        return;
    };
    refused(&data, before, &["ermission denied", "owner"]);
    // The folder may be entered, its parts not.
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&data, before, &["ermission denied"]);
}
