//! Which build this is.
//!
//! Owns: the version as every process of `fleet` tells it, so that daemon and receivers cannot drift apart. It stands in the
//! program's file behind a mark, `fleet-version=`, so that a test can make "another version" out of a copy by changing those
//! few bytes to others of the same length. Does not own: what follows when two versions meet.

/// The mark and the version. A static, and read through [`std::hint::black_box`], so that the text is in the file once and no
/// part of it is folded into the code.
#[used]
static STAMP: &str = concat!("fleet-version=", env!("CARGO_PKG_VERSION"));

/// The version of this build.
#[must_use]
pub fn version() -> &'static str {
    let stamp = std::hint::black_box(STAMP);
    stamp
        .split_once('=')
        .map_or(stamp, |(_mark, version)| version)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_version_of_the_workspace() {
        assert_eq!(super::version(), env!("CARGO_PKG_VERSION"));
    }
}
