//! The emotes that come with the program: the files of `server/emotes`, each called like its emote.

use super::picture;
use chat::{
    emotes::{Emote, EmoteId, Picture, Scope},
    time::Millis,
};
use protocol::ids::UserId;
use rust_embed::RustEmbed;
use std::{collections::HashMap, sync::LazyLock};

#[derive(RustEmbed)]
#[folder = "emotes"]
struct Files;

/// Who uploaded them: nobody.
pub(super) const NOBODY: UserId = UserId(0);

static OWN: LazyLock<(Vec<Emote>, HashMap<EmoteId, Picture>)> = LazyLock::new(|| {
    let (mut emotes, mut pictures) = (Vec::new(), HashMap::new());
    for file in Files::iter() {
        let read = Files::get(&file).map(|bytes| bytes.data.into_owned());
        let name = file.strip_suffix(".svg").and_then(|name| name.parse().ok());
        // A test looks that all of them are good.
        let (Some(bytes), Some(name)) = (read, name) else { continue };
        let Ok(fit) = picture::look(&bytes) else { continue };
        let id = super::id_of(&bytes);
        let scope = Scope::Everywhere;
        emotes.push(Emote { scope, name, id: id.clone(), animated: fit.animated, by: NOBODY, at: Millis(0) });
        pictures.insert(id, fit.picture);
    }
    (emotes, pictures)
});

/// All of them.
pub fn emotes() -> &'static [Emote] {
    &OWN.0
}

/// The picture of one of them.
pub(super) fn picture(id: &EmoteId) -> Option<&'static Picture> {
    OWN.1.get(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a file of a few hundred bytes a hundred may be shown at once.
    const BYTES_MAX: usize = 6 * 1024;

    #[test]
    fn all_of_them_are_good_small_and_different() {
        let files: Vec<_> = Files::iter().collect();
        assert!(files.len() >= 24, "{} of our own", files.len());
        for file in &files {
            let bytes = Files::get(file).unwrap().data;
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(file.strip_suffix(".svg").unwrap().parse::<chat::emotes::EmoteName>().is_ok(), "{file}");
            picture::look(&bytes).unwrap_or_else(|unfit| panic!("{file}: {unfit}"));
            assert!(bytes.len() <= BYTES_MAX, "{file}: {} bytes", bytes.len());
            assert!(text.contains(r#"viewBox="0 0 112 112""#), "{file}: not of our size");
            assert!(text.contains("<title>"), "{file}: no title");
        }
        assert_eq!((emotes().len(), OWN.1.len()), (files.len(), files.len()), "one picture each");
        assert!(emotes().iter().filter(|emote| emote.animated).count() >= 6, "some move");
    }
}
