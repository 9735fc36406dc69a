//! The keys that sign access tokens: made once and kept in the data folder, or given in the settings.
//!
//! The file `secret.key` is text: a first line that says what it is, then one key a line in hexadecimal. The first
//! key signs; the others are still accepted, so keys can be changed without logging anybody out. Start with
//! [`load_or_create`] and [`Keys`].

use super::tokens::random_bytes;
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Name of the file in the data folder.
pub const FILE_NAME: &str = "secret.key";

/// As long as the hash of HS256: RFC 7518 section 3.2 asks for no less.
pub const SECRET_BYTES_MIN: usize = 32;

/// The first line of the file.
const MARK: &str = "twitchy signing keys 1";

/// The key that signs and one before it: a token lives minutes, so no older one is of use.
const KEYS_KEPT: usize = 2;

/// A file of keys is under 200 bytes; more is not read.
const FILE_BYTES_MAX: u64 = 4 * 1_024;

/// Why there are no keys. One line for the operator; never a part of a key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Somebody else on the machine could sign tokens.
    #[error("{path}: others may read or write it (mode {mode:04o}); run: chmod 600 {path}")]
    TooOpen {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// It has not the form that we write. It may be somebody's only copy of something, so it is left alone.
    #[error("{path}: this is not a key file of twitchy ({what}); move it away and a new one is made")]
    NotOurs {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A secret in the settings is too easy to guess.
    #[error("auth.secret has {bytes} bytes and needs {SECRET_BYTES_MIN} at least; try: openssl rand -hex 32")]
    TooShort {
        /// How many it has.
        bytes: usize,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One key, with the name it has in tokens.
#[derive(Clone)]
pub struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        // The name is derived from the secret, so all nodes agree on it without being told.
        let digest = Sha256::new().chain_update(b"twitchy key id\0").chain_update(secret).finalize();
        Self {
            id: hex(&digest[..8]),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// Its `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}…)", self.id)
    }
}

/// The key that signs, and those whose tokens are still accepted.
#[derive(Clone, Debug)]
pub struct Keys {
    current: Key,
    older: Vec<Key>,
}

impl Keys {
    /// From secrets of the settings: the first signs, the others are still accepted.
    ///
    /// # Errors
    /// `TooShort` if any has less than 32 bytes.
    pub fn from_secrets(current: &str, older: &[String]) -> Result<Self, SecretError> {
        let key = |secret: &str| match secret.len() {
            bytes if bytes < SECRET_BYTES_MIN => Err(SecretError::TooShort { bytes }),
            _ => Ok(Key::new(secret.as_bytes())),
        };
        Ok(Self { current: key(current)?, older: older.iter().map(|s| key(s)).collect::<Result<_, _>>()? })
    }

    /// A key that nobody keeps: its tokens end with the process.
    pub fn ephemeral() -> Self {
        keys(&[random_bytes()])
    }

    /// The one that signs.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The one with this `kid`.
    pub fn by_id(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id)
    }
}

/// The keys of this data folder. If it has none, one is made; if several processes try that at once, one wins and all
/// get its key.
///
/// # Errors
/// `TooOpen`, `NotOurs`, `Io`.
pub fn load_or_create(data_dir: &Path) -> Result<Keys, SecretError> {
    let path = data_dir.join(FILE_NAME);
    let secrets = match read(&path)? {
        Some(secrets) => secrets,
        None => {
            place(data_dir, &[random_bytes()], Placing::IfNone)?;
            read(&path)?.ok_or_else(|| io_error(&path, io::ErrorKind::NotFound.into()))?
        }
    };
    Ok(keys(&secrets))
}

/// Makes a new key that signs from now on, and keeps the one so far for the tokens it has signed. Running servers take
/// it up with [`Accounts::replace_keys`](super::service::Accounts::replace_keys) or at their next start.
///
/// # Errors
/// Those of [`load_or_create`].
pub fn rotate(data_dir: &Path) -> Result<Keys, SecretError> {
    let mut secrets = read(&data_dir.join(FILE_NAME))?.unwrap_or_default();
    secrets.insert(0, random_bytes());
    secrets.truncate(KEYS_KEPT);
    place(data_dir, &secrets, Placing::Over)?;
    Ok(keys(&secrets))
}

type Secret = [u8; SECRET_BYTES_MIN];

fn keys(secrets: &[Secret]) -> Keys {
    let mut keys = secrets.iter().map(|secret| Key::new(secret));
    Keys {
        current: keys.next().expect("neither reading nor making gives an empty list"),
        older: keys.collect(),
    }
}

/// The secrets in the file, one at least; `None` if there is no file.
fn read(path: &Path) -> Result<Option<Vec<Secret>>, SecretError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error(path, e)),
    };
    // Asked of the open file, so nobody can exchange it between the look and the reading.
    let about = file.metadata().map_err(|e| io_error(path, e))?;
    let not_ours = |what| SecretError::NotOurs { path: path.display().to_string(), what };
    if !about.is_file() {
        return Err(not_ours("it is not a file"));
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretError::TooOpen { path: path.display().to_string(), mode });
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(|e| io_error(path, e))?;
    let text = std::str::from_utf8(&text).map_err(|_| not_ours("it is not text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(MARK) {
        return Err(not_ours("its first line is another"));
    }
    let secrets = lines
        .map(|line| unhex(line).ok_or_else(|| not_ours("a key is not 64 hexadecimal digits")))
        .collect::<Result<Vec<_>, _>>()?;
    if secrets.is_empty() {
        return Err(not_ours("there is no key in it"));
    }
    Ok(Some(secrets))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    /// What is there stays.
    IfNone,
    /// What is there is replaced.
    Over,
}

/// Writes the file aside, makes it durable, and puts it in its place in one step: at no moment is there half a file.
fn place(data_dir: &Path, secrets: &[Secret], placing: Placing) -> Result<(), SecretError> {
    let path = data_dir.join(FILE_NAME);
    let aside = data_dir.join(format!("{FILE_NAME}.{}.new", hex(&random_bytes::<8>())));
    let placed = write_aside(&aside, secrets).and_then(|()| match placing {
        Placing::Over => std::fs::rename(&aside, &path),
        // A link, unlike a rename, fails where something is already.
        Placing::IfNone => match std::fs::hard_link(&aside, &path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // Some file systems have no links.
            Err(_) => std::fs::rename(&aside, &path),
            Ok(()) => Ok(()),
        },
    });
    // After a rename there is nothing to remove; after anything else it must not stay.
    let _ = std::fs::remove_file(&aside);
    placed.and_then(|()| File::open(data_dir)?.sync_all()).map_err(|e| io_error(&path, e))
}

fn write_aside(aside: &Path, secrets: &[Secret]) -> io::Result<()> {
    let mut text = format!("{MARK}\n");
    for secret in secrets {
        text.push_str(&hex(secret));
        text.push('\n');
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn io_error(path: &Path, source: io::Error) -> SecretError {
    SecretError::Io { path: PathBuf::from(path).display().to_string(), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(line: &str) -> Option<Secret> {
    let mut secret = [0; SECRET_BYTES_MIN];
    if line.len() != 2 * SECRET_BYTES_MIN || !line.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in secret.iter_mut().zip((0..line.len()).step_by(2)) {
        *byte = u8::from_str_radix(&line[at..at + 2], 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn put(dir: &Path, text: impl AsRef<[u8]>, mode: u32) {
        let path = dir.join(FILE_NAME);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let dir = folder();
        let made = load_or_create(dir.path()).unwrap();
        let found = load_or_create(dir.path()).unwrap();
        assert_eq!(made.current().id(), found.current().id());
        assert_eq!(made.current().encoding().as_bytes(), found.current().encoding().as_bytes());
        assert_ne!(made.current().id(), load_or_create(folder().path()).unwrap().current().id());
        let about = fs::metadata(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(about.permissions().mode() & 0o7777, 0o600);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, [FILE_NAME], "nothing is left aside");
    }

    #[test]
    fn of_many_that_make_one_at_once_all_get_the_same() {
        let dir = folder();
        let barrier = std::sync::Barrier::new(8);
        let ids: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        load_or_create(dir.path()).unwrap().current().id().to_owned()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o660, 0o601, 0o777] {
            let dir = folder();
            put(dir.path(), format!("{MARK}\n{}\n", "ab".repeat(32)), mode);
            let e = load_or_create(dir.path()).unwrap_err();
            assert!(matches!(e, SecretError::TooOpen { mode: m, .. } if m == mode));
            let line = e.to_string();
            assert!(line.contains("chmod 600") && !line.contains('\n') && !line.contains("abab"), "{line}");
        }
        for mode in [0o600, 0o400] {
            let dir = folder();
            put(dir.path(), format!("{MARK}\n{}\n", "ab".repeat(32)), mode);
            load_or_create(dir.path()).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_not_ours_is_refused_and_left_alone() {
        let good = "ab".repeat(32);
        for text in [
            String::new(),
            format!("{good}\n"),
            format!("{MARK}\n"),
            format!("{MARK}\n{}\n", &good[..62]),
            format!("{MARK}\n{good}ab\n"),
            format!("{MARK}\n{}\n", "zz".repeat(32)),
            format!("{MARK}\n{}\n", "é".repeat(32)),
            format!("{MARK}\n{good}\n\n"),
            "-----BEGIN PRIVATE KEY-----\n".to_owned(),
        ] {
            let dir = folder();
            put(dir.path(), &text, 0o600);
            let e = load_or_create(dir.path()).unwrap_err();
            assert!(matches!(e, SecretError::NotOurs { .. }), "{text:?}: {e}");
            assert!(rotate(dir.path()).is_err());
            assert_eq!(fs::read_to_string(dir.path().join(FILE_NAME)).unwrap(), text);
        }
        let dir = folder();
        put(dir.path(), [0xff, 0xfe, 0x00], 0o600);
        assert!(matches!(load_or_create(dir.path()), Err(SecretError::NotOurs { .. })));
        let dir = folder();
        fs::create_dir(dir.path().join(FILE_NAME)).unwrap();
        assert!(load_or_create(dir.path()).is_err());
    }

    #[test]
    fn a_missing_folder_is_told() {
        let dir = folder();
        let e = load_or_create(&dir.path().join("none")).unwrap_err();
        assert!(
            matches!(&e, SecretError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound),
            "{e}"
        );
    }

    #[test]
    fn after_a_rotation_the_key_so_far_is_still_known() {
        let dir = folder();
        let first = load_or_create(dir.path()).unwrap().current().id().to_owned();
        let second = rotate(dir.path()).unwrap();
        assert_ne!(second.current().id(), first);
        assert!(second.by_id(&first).is_some());
        let third = rotate(dir.path()).unwrap();
        assert!(third.by_id(second.current().id()).is_some());
        assert!(third.by_id(&first).is_none());
        let found = load_or_create(dir.path()).unwrap();
        assert_eq!(found.current().id(), third.current().id());
        assert!(found.by_id(second.current().id()).is_some());
        assert_eq!(fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn secrets_of_the_settings_are_long_enough() {
        let long = "x".repeat(32);
        assert!(matches!(Keys::from_secrets(&long[1..], &[]), Err(SecretError::TooShort { bytes: 31 })));
        assert!(matches!(
            Keys::from_secrets(&long, &["short".to_owned()]),
            Err(SecretError::TooShort { bytes: 5 })
        ));
        let older = "y".repeat(40);
        let keys = Keys::from_secrets(&long, std::slice::from_ref(&older)).unwrap();
        let alone = Keys::from_secrets(&older, &[]).unwrap();
        assert!(keys.by_id(alone.current().id()).is_some(), "every node gives a secret the same name");
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let keys = Keys::from_secrets(&"s3cr3t-".repeat(6), &["0ld3r-".repeat(6)]).unwrap();
        let printed = format!("{keys:?} {keys:#?}");
        assert!(!printed.contains("s3cr3t") && !printed.contains("0ld3r"), "{printed}");
    }
}
