//! From the text of a fleet.toml to a fleet.
//!
//! Owns: the whole file, `[fleet]` and `[bands]`; peers stand in `validate_peer`. Every mistake is collected.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use fleet_a2a::contract::DEADLINE_S;
use fleet_receivers::Mode;
use toml::de::DeTable;

use super::peek::{DEFAULT_NAME, is_fleet_name};
use super::problem::{ConfigError, Problems};
use super::raw::Section;
use super::types::{Bands, FleetConfig, PeerConfig, PeerKind};
use super::validate_peer;
use crate::domain::Band;

const DEFAULT_TRANSCRIPTS: &str = "transcripts";
const DEFAULT_DEADLINE_S: u32 = 900;
/// The bands of a file that names none.
const DEFAULT_BANDS: [(Mode, [u16; 2]); 7] = [
    (Mode::Cc, [9300, 9309]),
    (Mode::Oc, [9310, 9319]),
    (Mode::Codex, [9320, 9329]),
    (Mode::Agy, [9330, 9339]),
    (Mode::Hermes, [9340, 9349]),
    (Mode::Exec, [9380, 9389]),
    (Mode::Echo, [9390, 9399]),
];

/// Where paths of the file start from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base<'a> {
    /// The folder of the file.
    pub(super) folder: &'a Path,
    /// What `~` means.
    pub(super) home: Option<&'a Path>,
}

impl Base<'_> {
    /// An absolute path without `.` and `..`: `~/` is the home directory, all else is relative to the file.
    pub(super) fn resolve(self, text: &str) -> Result<PathBuf, &'static str> {
        let path = match (text.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            (Some(_), None) => return Err("starts with ~, but HOME is not set"),
            (Some(_), Some(_)) => return Err("starts with ~, but only ~/ is known"),
            (None, _) => self.folder.join(text),
        };
        Ok(normal(&path))
    }
}

/// Reads and checks the text of a fleet.toml that stands at `path` (absolute). `home` is what `~` means. Repos are looked
/// up on disk.
///
/// # Errors
/// [`ConfigError`] with everything that is wrong.
pub fn parse(path: &Path, text: &str, home: Option<&Path>) -> Result<FleetConfig, ConfigError> {
    let mut problems = Problems::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add_syntax(error.span().map_or(0, |span| span.start), error.message());
    }
    if !problems.is_empty() {
        return Err(problems.into_error(path, text));
    }
    let base = Base {
        folder: path.parent().unwrap_or(Path::new("/")),
        home,
    };
    let mut file = Section::new(String::new(), 0, table.get_ref());
    let fleet = read_fleet(file.section("fleet", &mut problems), base, &mut problems);
    let bands = read_bands(file.section("bands", &mut problems), &mut problems);
    let peers = file.section("peers", &mut problems);
    let peers = read_peers(peers, base, &mut problems);
    file.finish(&mut problems);
    if !problems.is_empty() {
        return Err(problems.into_error(path, text));
    }
    Ok(FleetConfig {
        path: path.to_owned(),
        hash: super::hash_of(text),
        name: fleet.name,
        transcripts: fleet.transcripts,
        deadline_s: fleet.deadline_s,
        reply_to_hosts: fleet.reply_to_hosts,
        bands,
        peers,
    })
}

struct Fleet {
    name: String,
    transcripts: PathBuf,
    deadline_s: u32,
    reply_to_hosts: Vec<String>,
}

fn read_fleet(section: Option<Section<'_>>, base: Base<'_>, problems: &mut Problems) -> Fleet {
    let mut fleet = Fleet {
        name: DEFAULT_NAME.to_owned(),
        transcripts: normal(&base.folder.join(DEFAULT_TRANSCRIPTS)),
        deadline_s: DEFAULT_DEADLINE_S,
        reply_to_hosts: Vec::new(),
    };
    let Some(mut section) = section else {
        return fleet;
    };
    let name = section.word("name", problems, |text| {
        if is_fleet_name(text) {
            Ok(text.to_owned())
        } else {
            Err("1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit")
        }
    });
    fleet.name = name.map_or(fleet.name, |name| name.value);
    if let Some(transcripts) = section.text("transcripts", problems) {
        match base.resolve(&transcripts.value) {
            Ok(path) => fleet.transcripts = path,
            Err(why) => transcripts.wrong(problems, why),
        }
    }
    let bounds = u64::from(*DEADLINE_S.start())..=u64::from(*DEADLINE_S.end());
    if let Some(deadline) = section.integer("deadline_s", bounds, problems) {
        fleet.deadline_s = u32::try_from(deadline.value).unwrap_or(DEFAULT_DEADLINE_S);
    }
    for host in section
        .texts("reply_to_hosts", problems)
        .map_or_else(Vec::new, |hosts| hosts.value)
    {
        // There are no patterns here: a `*` would look like one and match nothing.
        if url::Host::parse(&host.value).is_ok() && !host.value.contains('*') {
            fleet.reply_to_hosts.push(host.value);
        } else {
            host.wrong(
                problems,
                format_args!(
                    "is {:?}; it takes a host name or address without scheme, port, path or pattern",
                    host.value
                ),
            );
        }
    }
    section.finish(problems);
    fleet
}

fn read_bands(section: Option<Section<'_>>, problems: &mut Problems) -> Bands {
    let mut bands = BTreeMap::new();
    let mut places = Vec::new();
    let mut section = section;
    for (mode, ports) in DEFAULT_BANDS {
        let given = section
            .as_mut()
            .and_then(|section| section.ports(mode.word(), problems));
        let band = Band::new(
            given.as_ref().map_or(ports[0], |given| given.value[0]),
            given.as_ref().map_or(ports[1], |given| given.value[1]),
        );
        match (band, given) {
            (Ok(band), given) => {
                bands.insert(mode, band);
                places.push((mode, band, given));
            }
            (Err(error), Some(given)) => given.wrong(problems, format_args!("is wrong: {error}")),
            (Err(_), None) => {}
        }
    }
    for (at, (mode, band, given)) in places.iter().enumerate() {
        for (other, other_band, other_given) in &places[..at] {
            // The later of two given bands is blamed, and a default never.
            let blamed = given.as_ref().or(other_given.as_ref());
            if let (true, Some(blamed)) = (band.overlaps(*other_band), blamed) {
                blamed.wrong(
                    problems,
                    format_args!(
                        "is no use: the bands of {mode} ({band}) and {other} ({other_band}) share ports; give each mode ports of its own"
                    ),
                );
            }
        }
    }
    if let Some(section) = section {
        section.finish(problems);
    }
    Bands(bands)
}

fn read_peers(
    section: Option<Section<'_>>,
    base: Base<'_>,
    problems: &mut Problems,
) -> Vec<PeerConfig> {
    let Some(section) = section else {
        return Vec::new();
    };
    let mut peers: Vec<PeerConfig> = Vec::new();
    for (name, section) in section.sections(problems) {
        let at = section.at;
        let Some(peer) = validate_peer::read(name, section, base, problems) else {
            continue;
        };
        let port = port_of(&peer);
        if let Some(other) = peers
            .iter()
            .find(|other| port.is_some() && port_of(other) == port)
        {
            problems.add(
                at,
                &format!("peers.{name}.port"),
                format_args!("is the port of peers.{} too; give each its own", other.name),
            );
        }
        peers.push(peer);
    }
    peers
}

fn port_of(peer: &PeerConfig) -> Option<u16> {
    match &peer.kind {
        PeerKind::Receiver(receiver) => receiver.port,
        PeerKind::Foreign(_) => None,
    }
}

/// Without `.` and `..`, as far as the text alone tells.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}
