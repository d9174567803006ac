//! `fleet peers add`: a peer joins fleet.toml.

use std::path::Path;

use super::edit::{assignment, change, tell};
use crate::cli::args::{AddArgs, GlobalArgs};
use crate::cli::session::{peer_name, target};
use crate::cli::{CommandResult, exit};
use crate::config::edit::{Change, Setting};
use crate::domain::{ErrorKind, Failure};

/// Does `fleet peers add`.
pub(super) async fn execute(global: &GlobalArgs, args: &AddArgs) -> CommandResult {
    let peer = peer_name(&args.name)?;
    let target = target(global)?;
    let folder = target.config.parent().unwrap_or(Path::new("/"));
    let settings = settings(args, folder)?;
    let changed = change(&target, &Change::Add(peer.clone(), settings)).await?;
    let next = format!("Next: fleet send {peer} \"...\", or n in the console.");
    tell(global, &peer, &changed, ("Added", &next))?;
    Ok(exit::DONE)
}

fn settings(args: &AddArgs, folder: &Path) -> Result<Vec<Setting>, Failure> {
    let repo = args.repo.as_deref();
    let repo = repo.map(|repo| as_written(repo, folder)).transpose()?;
    let texts = [
        ("mode", args.mode.as_ref()),
        ("repo", repo.as_ref()),
        ("url", args.url.as_ref()),
        ("model", args.model.as_ref()),
        ("permissions", args.permissions.as_ref()),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(key, value)| Some(Setting::text(key, value?)));
    let more = args.settings.iter().map(|text| assignment(text));
    texts.map(Ok).chain(more).collect()
}

/// A folder as the file names it: from its own folder where it is in there, else from the root.
pub(crate) fn as_written(given: &Path, folder: &Path) -> Result<String, Failure> {
    let fail = |why: String| {
        Failure::new(
            ErrorKind::Usage,
            format!("The repo {} cannot be used: {why}.", given.display()),
            "Name an existing folder with --repo DIR.",
        )
    };
    let path = std::fs::canonicalize(given).map_err(|error| fail(error.to_string()))?;
    let written = match path.strip_prefix(folder) {
        Ok(inside) if inside.as_os_str().is_empty() => Path::new("."),
        // A name that begins so would be taken for the home directory.
        Ok(inside) if !inside.starts_with("~") => inside,
        Ok(_) | Err(_) => &path,
    };
    let text = written.to_str().map(str::to_owned);
    text.ok_or_else(|| fail("its path is no UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repo_is_written_from_the_folder_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        assert_eq!(as_written(&folder, &folder).unwrap(), ".");
        assert_eq!(as_written(&folder.join("a/./b"), &folder).unwrap(), "a/b");
        let outside = as_written(&folder, &folder.join("a")).unwrap();
        assert_eq!(outside, folder.to_str().unwrap());
        let refused = as_written(&folder.join("none"), &folder).unwrap_err();
        assert_eq!(refused.kind.exit_code(), 2);
    }
}
