//! What Prometheus expects every process to tell of itself, from Linux' `/proc`. What cannot be read there is left out.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

/// The unit of times in `/proc`, on every machine that this is built for.
const TICKS_PER_SEC: f64 = 100.0;

/// The metrics in Prometheus' text format. Reads files, and may take long with many of them open.
pub(super) fn render(started: SystemTime) -> String {
    // Not from `/proc/stat`, which a hardened service does not see.
    let started = started.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64());
    let metrics = [
        ("process_cpu_seconds_total", "counter", "User and system time spent.", cpu_seconds()),
        ("process_start_time_seconds", "gauge", "When the process started, in Unix time.", started),
        ("process_resident_memory_bytes", "gauge", "Memory in use.", memory("VmRSS:")),
        ("process_virtual_memory_bytes", "gauge", "Memory reserved.", memory("VmSize:")),
        ("process_open_fds", "gauge", "Open files, sockets among them.", open_files()),
        ("process_max_fds", "gauge", "The limit on open files.", most_files()),
    ];
    let known = metrics.into_iter().filter_map(|(name, kind, help, value)| Some((name, kind, help, value?)));
    known
        .map(|(name, kind, help, value)| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n")
        })
        .collect()
}

fn cpu_seconds() -> Option<f64> {
    const UTIME: usize = 11;
    const STIME: usize = 12;
    Some((stat(UTIME)? + stat(STIME)?) / TICKS_PER_SEC)
}

/// A number of `/proc/self/stat`, counted from the state, which follows the process' name in brackets.
fn stat(field: usize) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(field)?.parse().ok()
}

fn memory(label: &str) -> Option<f64> {
    let kilobytes: f64 = word_after("/proc/self/status", label)?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Linux from 6.2 on gives the number as the folder's size. Before, that is 0 and the entries are counted, of which one is
/// the folder itself.
fn open_files() -> Option<f64> {
    let folder = "/proc/self/fd";
    match fs::metadata(folder).ok()?.len() {
        0 => Some(fs::read_dir(folder).ok()?.count().saturating_sub(1) as f64),
        count => Some(count as f64),
    }
}

fn most_files() -> Option<f64> {
    match word_after("/proc/self/limits", "Max open files")?.as_str() {
        "unlimited" => Some(f64::INFINITY),
        soft => soft.parse().ok(),
    }
}

/// The word that follows a label at the start of a line.
fn word_after(file: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_process_tells_of_itself() {
        let (before, begun) = (cpu_seconds().unwrap(), std::time::Instant::now());
        while begun.elapsed().as_millis() < 100 {
            std::hint::spin_loop();
        }
        assert!(cpu_seconds().unwrap() > before);
        let megabyte = 1024.0 * 1024.0;
        let (resident, reserved) = (memory("VmRSS:").unwrap(), memory("VmSize:").unwrap());
        assert!(megabyte < resident && resident < reserved, "{resident} of {reserved}");
    }

    #[test]
    fn open_files_are_counted() {
        let before = open_files().unwrap();
        let more: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let after = open_files().unwrap();
        // Other tests open and close files, too.
        assert!(after > before + 50.0 && after <= most_files().unwrap(), "{before} {after} {}", more.len());
    }

    #[test]
    fn the_text_has_all_of_them() {
        let text = render(UNIX_EPOCH + std::time::Duration::from_millis(1500));
        assert!(text.contains("\nprocess_start_time_seconds 1.5\n"), "{text}");
        for name in ["cpu_seconds_total", "start_time_seconds", "resident_memory_bytes", "open_fds", "max_fds"]
        {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{name}: {text}");
        }
        assert_eq!(text.matches("# HELP ").count(), 6, "{text}");
    }
}
