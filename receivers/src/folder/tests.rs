use super::*;

fn config(repo: &Path) -> ReceiverConfig {
    let text = format!(
        "fleet = 'main'\npeer = 'echo'\nreceiver_id = 'r1'\nmode = 'echo'\nrepo = '{}'\nbind = '127.0.0.1:0'\n",
        repo.display()
    );
    toml::from_str(&text).unwrap()
}

#[test]
fn what_is_written_is_read_and_private() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("receivers/echo");
    let config = config(root.path());
    write(&dir, &config, &Secret::new("s3cret")).unwrap();

    let (read, token) = load(&dir).unwrap();
    assert_eq!(read, config);
    assert_eq!(token.expose(), "s3cret");
    for name in [CONFIG_FILE, TOKEN_FILE] {
        let mode = fs::metadata(dir.join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        2,
        "no temporary file is left"
    );
}

#[test]
fn an_open_token_is_refused() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &config(root.path()), &Secret::new("s3cret")).unwrap();
    let token = root.path().join(TOKEN_FILE);
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let error = load(root.path()).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn links_are_not_followed_and_pipes_do_not_block() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &config(root.path()), &Secret::new("s3cret")).unwrap();
    let token = root.path().join(TOKEN_FILE);
    fs::rename(&token, root.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &token).unwrap();
    assert!(matches!(load(root.path()), Err(FolderError::Io { .. })));

    // Writing replaces the link, never what it points at.
    write(root.path(), &config(root.path()), &Secret::new("other")).unwrap();
    assert_eq!(
        fs::read_to_string(root.path().join("elsewhere")).unwrap(),
        "s3cret"
    );
    assert_eq!(load(root.path()).unwrap().1.expose(), "other");
}

#[test]
fn an_unknown_key_is_named() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &config(root.path()), &Secret::new("s3cret")).unwrap();
    let mut text = fs::read_to_string(root.path().join(CONFIG_FILE)).unwrap();
    text.push_str("\npermisions = 'full'\n");
    write_private(root.path(), CONFIG_FILE, text.as_bytes()).unwrap();
    let error = load(root.path()).unwrap_err();
    assert!(error.to_string().contains("permisions"), "{error}");
}

#[test]
fn the_environment_keeps_every_value() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(read_env(root.path()).unwrap(), None);
    let env = vec![
        ("PATH".to_owned(), "/bin:/usr/bin".to_owned()),
        ("LINES".to_owned(), "one\ntwo=2\n".to_owned()),
        ("EMPTY".to_owned(), String::new()),
    ];
    write_env(root.path(), &env).unwrap();
    assert_eq!(read_env(root.path()).unwrap(), Some(env));
    assert!(write_env(root.path(), &[("A=B".to_owned(), String::new())]).is_err());
}

#[test]
fn an_identity_is_of_one_process() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Identity::read(root.path()).unwrap(), None);
    let mut identity = Identity {
        pid: std::process::id(),
        start_time: process_start_time(std::process::id()).unwrap(),
        boot_id: boot_id(),
        instance: "i1".to_owned(),
        addr: "127.0.0.1:9390".parse().unwrap(),
        url: "http://127.0.0.1:9390".to_owned(),
        peer: "echo".to_owned(),
        mode: crate::Mode::Echo,
        repo: root.path().to_owned(),
        version: "0.1.0".to_owned(),
    };
    identity.write(root.path()).unwrap();
    assert_eq!(
        Identity::read(root.path()).unwrap().as_ref(),
        Some(&identity)
    );
    assert!(identity.is_running());
    identity.start_time += 1;
    assert!(!identity.is_running());
    Identity::forget(root.path()).unwrap();
    Identity::forget(root.path()).unwrap();
    assert_eq!(Identity::read(root.path()).unwrap(), None);
}

#[test]
fn the_scratch_begins_empty_belongs_to_nobody_else_and_ends_without_following_links() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("file"), "").unwrap();
    scratch::begin(dir.path()).unwrap();
    let scratch = scratch::of(dir.path()).unwrap();
    std::os::unix::fs::symlink(&kept, scratch.join("link")).unwrap();
    scratch::begin(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    let mode = std::fs::metadata(&scratch).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    std::os::unix::fs::symlink(&kept, scratch.join("link")).unwrap();
    scratch::end(dir.path()).unwrap();
    scratch::end(dir.path()).unwrap();
    assert!(!scratch.exists() && kept.join("file").exists());
}
