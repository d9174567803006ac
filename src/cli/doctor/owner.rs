//! Which process listens on a port, as far as `/proc` tells.

use std::path::Path;

/// Open files of one process that are looked at.
const MAX_FILES: usize = 10_000;
/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// `process <pid> (<name>)`; `None` where it cannot be told, as of other users' processes.
pub(super) fn of(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let sockets = tables.iter().filter_map(|path| {
        let table = std::fs::read_to_string(path).ok()?;
        socket_in(&table, port).map(str::to_owned)
    });
    let wanted: Vec<String> = sockets.map(|inode| format!("socket:[{inode}]")).collect();
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let mut processes = std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_process));
    let process = processes.find(|entry| holds(&entry.path(), &wanted))?;
    let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
    let pid = process.file_name();
    Some(format!(
        "process {} ({})",
        pid.to_string_lossy(),
        name.trim()
    ))
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let files = std::fs::read_dir(process.join("fd")).into_iter().flatten();
    files.flatten().take(MAX_FILES).any(|file| {
        let target = std::fs::read_link(file.path()).unwrap_or_default();
        sockets.iter().any(|socket| Path::new(socket) == target)
    })
}

/// The inode of the socket that listens on a port, in a table such as `/proc/net/tcp`.
fn socket_in(table: &str, port: u16) -> Option<&str> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let fits = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTEN;
        fits.then(|| fields.get(9).copied())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listening_socket_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:24B8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 11 1\n\
            1: 0100007F:24B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22 1\n";
        assert_eq!(socket_in(table, 9400), Some("22"));
        assert_eq!(socket_in(table, 9401), None);
        assert_eq!(socket_in("junk\nmore junk", 9400), None);
    }
}
