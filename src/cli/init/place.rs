//! Where the new file goes and what its first peer is about.
//!
//! Owns: the repo that a person stands in, and a name for a peer made of a folder's name. Does not own: the text.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::domain::PeerName;

/// The name of a peer whose folder's name has no letter that names can have.
const NAMELESS: &str = "app";
/// Longest name that is made of a folder's: it is typed often.
const MAX_NAME: usize = 24;

/// The repo around a folder, or the folder itself where there is none. The home directory and what is above it count as none,
/// and so does what belongs to somebody else: its settings would be theirs.
pub(super) fn repo_around(folder: &Path, home: Option<&Path>) -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    let above_home = |path: &Path| home.is_some_and(|home| home.starts_with(path));
    let own = |path: &Path| {
        std::fs::symlink_metadata(path.join(".git")).is_ok_and(|meta| meta.uid() == uid)
            && std::fs::metadata(path).is_ok_and(|meta| meta.uid() == uid)
    };
    let mut around = folder.ancestors().take_while(|path| !above_home(path));
    let found = around.find(|path| own(path));
    found.unwrap_or(folder).to_owned()
}

/// A name like the folder's that no peer has yet.
pub(super) fn name_like(folder: &Path, taken: &[PeerName]) -> PeerName {
    let given = folder.file_name().unwrap_or_default().to_string_lossy();
    let slug = slug(&given);
    let numbered = (2..).map(|number| format!("{slug}-{number}"));
    let mut names = std::iter::once(slug.clone()).chain(numbered);
    let free = names.find_map(|name| {
        let name = PeerName::new(name).ok()?;
        (!taken.contains(&name)).then_some(name)
    });
    // Of the numbered ones one is always free.
    free.unwrap_or_else(|| name_like(Path::new(NAMELESS), taken))
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => slug.push(c),
            _other if slug.ends_with('-') => {}
            _other => slug.push('-'),
        }
    }
    slug.truncate(MAX_NAME);
    match slug.trim_matches(['-', '_']) {
        "" => NAMELESS.to_owned(),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(folder: &str, taken: &[&str]) -> String {
        let taken: Vec<_> = taken
            .iter()
            .map(|&name| PeerName::new(name).unwrap())
            .collect();
        name_like(Path::new(folder), &taken).to_string()
    }

    #[test]
    fn a_peer_is_called_like_its_folder() {
        assert_eq!(named("/src/My App (v2)", &[]), "my-app-v2");
        assert_eq!(named("/src/app", &["app", "app-2"]), "app-3");
        assert_eq!(named("/src/echo", &["echo"]), "echo-2");
        assert_eq!(named("/src/console", &[]), "console-2");
        assert_eq!(named("/src/日本", &[]), "app");
        assert_eq!(named("/", &[]), "app");
        assert_eq!(named("/src/.dotfiles", &[]), "dotfiles");
    }

    proptest! {
        #[test]
        fn there_is_always_a_name_that_is_free(folder in "\\PC{0,40}") {
            let first = name_like(Path::new(&folder), &[]);
            let second = name_like(Path::new(&folder), std::slice::from_ref(&first));
            prop_assert_ne!(first, second);
        }
    }

    #[test]
    fn the_repo_is_the_nearest_below_the_home_directory() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        let inner = home.join("src/app/deep/er");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(repo_around(&inner, Some(home)), inner);
        std::fs::create_dir(home.join(".git")).unwrap();
        assert_eq!(
            repo_around(&inner, Some(home)),
            inner,
            "dotfiles are no project"
        );
        std::fs::create_dir(home.join("src/app/.git")).unwrap();
        assert_eq!(repo_around(&inner, Some(home)), home.join("src/app"));
        assert_eq!(repo_around(home, Some(home)), home);
    }
}
