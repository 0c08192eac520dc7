//! The cgroup v2 hierarchy: its mount point, the cgroup that a name or a number means, the container of a cgroup, and
//! the cgroup that tracer makes for the command of `tracer run`.
//!
//! Sources: `Documentation/admin-guide/cgroup-v2.rst`, proc_pid_mountinfo(5), cgroups(7). A cgroup's id,
//! as the kernel programs see it, is the inode number of its directory; the true root has id 1.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Id of the true root; in a cgroup namespace `/` is another cgroup.
const ROOT_ID: u64 = 1;
/// Names tried for the command's cgroup.
const CREATE_ATTEMPTS: u32 = 100;
/// Attempts at removing a cgroup whose last processes are still exiting.
const REMOVE_ATTEMPTS: u32 = 100;
/// Wait between two attempts; all of them together take 0.5 s at most.
const REMOVE_WAIT: Duration = Duration::from_millis(5);
/// Hexadecimal digits of a container id.
const CONTAINER_ID_LEN: usize = 64;
/// Fewest digits by which container tools abbreviate an id.
const SHORT_ID_LEN: usize = 12;

/// Reasons why a cgroup could not be found, made or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CgroupError {
    /// No cgroup2 line in mountinfo.
    #[error(
        "no cgroup v2 hierarchy is mounted, and traced packets are seen through one; mount it: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2"
    )]
    NoCgroupV2,
    /// A file of /proc or of the hierarchy cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The new cgroup was refused.
    #[error(
        "cannot create the cgroup {path} for the command: {source}; run as root with the cgroup file system writable (containers: --cgroupns=host and a writable mount)"
    )]
    CannotCreate {
        /// The directory that was to be made.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The cgroup is outside the part of the hierarchy that is mounted.
    #[error(
        "tracer's own cgroup {path} is not below the mounted part {root} of the hierarchy; start tracer in the initial cgroup namespace (containers: --cgroupns=host)"
    )]
    Outside {
        /// The cgroup, from the root.
        path: String,
        /// The part that is mounted.
        root: String,
    },
    /// The mounted root is not the true root, so levels of cgroups are unknown.
    #[error(
        "the cgroup root {mount} has id {id}, expected {ROOT_ID}: tracer is in a cgroup namespace and cannot select cgroups of the machine; start it outside (containers: --cgroupns=host)"
    )]
    Namespaced {
        /// Directory where the hierarchy is mounted.
        mount: PathBuf,
        /// Id of the cgroup that is mounted there.
        id: u64,
    },
    /// No cgroup has the name.
    #[error(
        "no cgroup `{got}`; expected a directory below {mount}, a path as in /proc/PID/cgroup, a cgroup id, or a container id of {SHORT_ID_LEN} digits or more"
    )]
    NotFound {
        /// Name as given.
        got: String,
        /// Directory where the hierarchy is mounted.
        mount: PathBuf,
    },
}

/// The mounted cgroup v2 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    mount: PathBuf,
    /// Path of the mounted cgroup from the root; "/" except for partial mounts.
    root: String,
}

/// A cgroup that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cgroup {
    /// Path from the root of the hierarchy, as in /proc/PID/cgroup; begins with a slash.
    pub(crate) path: String,
    /// Id that bpf_get_current_cgroup_id() returns.
    pub(crate) id: u64,
    /// Depth below the root, which has level 0; argument of bpf_get_current_ancestor_cgroup_id().
    pub(crate) level: u32,
}

impl Hierarchy {
    /// Finds the hierarchy in /proc/self/mountinfo.
    pub(crate) fn find() -> Result<Self, CgroupError> {
        Self::in_mountinfo(&read(Path::new("/proc/self/mountinfo"))?).ok_or(CgroupError::NoCgroupV2)
    }

    /// Finds the hierarchy in the text of a mountinfo file; a whole one before a partial one.
    pub(crate) fn in_mountinfo(text: &str) -> Option<Self> {
        let found: Vec<Self> = text.lines().filter_map(cgroup2_mount).collect();
        found
            .iter()
            .find(|h| h.root == "/")
            .or(found.first())
            .cloned()
    }

    /// Directory where the hierarchy is mounted.
    pub(crate) fn mount(&self) -> &Path {
        &self.mount
    }

    /// The directory of a cgroup given from the root, as in /proc/PID/cgroup.
    pub(crate) fn dir(&self, path: &str) -> Result<PathBuf, CgroupError> {
        let outside = || CgroupError::Outside {
            path: path.into(),
            root: self.root.clone(),
        };
        let below = Path::new(path)
            .strip_prefix(&self.root)
            .map_err(|_| outside())?;
        if below
            .components()
            .any(|c| c == std::path::Component::ParentDir)
        {
            return Err(outside());
        }
        Ok(self.mount.join(below))
    }

    /// Path of the cgroup this process is in, from the root.
    pub(crate) fn own_path() -> Result<String, CgroupError> {
        own_path_in(&read(Path::new("/proc/self/cgroup"))?).ok_or(CgroupError::NoCgroupV2)
    }

    /// The cgroup that the user means by a directory, a path as in /proc/PID/cgroup, a cgroup id or a container id.
    pub(crate) fn resolve(&self, wanted: &str) -> Result<Cgroup, CgroupError> {
        let root_id = inode(&self.mount)?;
        if root_id != ROOT_ID || self.root != "/" {
            return Err(CgroupError::Namespaced {
                mount: self.mount.clone(),
                id: root_id,
            });
        }
        let found = match wanted.parse::<u64>() {
            Ok(id) => self.search(|path, found| found == id || is_container(path, wanted)),
            Err(_) => self
                .by_path(wanted)
                .or_else(|| self.search(|path, _| is_container(path, wanted))),
        };
        found.ok_or_else(|| CgroupError::NotFound {
            got: wanted.into(),
            mount: self.mount.clone(),
        })
    }

    /// The cgroup of a path, absolute or from the root.
    fn by_path(&self, wanted: &str) -> Option<Cgroup> {
        let from_root = self.mount.join(wanted.trim_start_matches('/'));
        let candidates = [Path::new(wanted), &from_root];
        candidates
            .into_iter()
            .filter(|p| p.is_absolute())
            .find_map(|p| self.at(p))
    }

    /// The cgroup whose directory this is, None for a directory elsewhere.
    fn at(&self, dir: &Path) -> Option<Cgroup> {
        let dir = dir.canonicalize().ok().filter(|d| d.is_dir())?;
        let below = dir.strip_prefix(self.mount.canonicalize().ok()?).ok()?;
        let id = inode(&dir).ok()?;
        Some(Cgroup {
            path: format!("/{}", below.to_str()?),
            id,
            level: below.components().count() as u32,
        })
    }

    /// First cgroup, the outer before the inner, that `wanted(path, id)` accepts.
    fn search(&self, mut wanted: impl FnMut(&str, u64) -> bool) -> Option<Cgroup> {
        let mut found = None;
        self.each(|dir, path, id| {
            if found.is_none() && wanted(path, id) {
                found = Some(dir.to_owned());
            }
        });
        self.at(&found?)
    }

    /// Calls `each(directory, path from the root, id)` for every cgroup, except those that are removed meanwhile.
    fn each(&self, mut each: impl FnMut(&Path, &str, u64)) {
        let mut pending = vec![(self.mount.clone(), self.root.clone())];
        while let Some((dir, path)) = pending.pop() {
            if let Ok(id) = inode(&dir) {
                each(&dir, &path, id);
            }
            for name in subdirs(&dir) {
                let below = format!("{}/{name}", path.trim_end_matches('/'));
                pending.push((dir.join(&name), below));
            }
        }
    }
}

/// Paths by cgroup id. The hierarchy is walked when an unknown id comes.
#[derive(Debug)]
pub(crate) struct CgroupPaths {
    hierarchy: Hierarchy,
    /// Path of each id. None when the cgroup was gone at the first lookup; ids are not reused, so it stays unknown.
    known: HashMap<u64, Option<String>>,
}

impl CgroupPaths {
    /// An empty cache for this hierarchy.
    pub(crate) fn new(hierarchy: Hierarchy) -> Self {
        Self {
            hierarchy,
            known: HashMap::new(),
        }
    }

    /// Path of a cgroup from the root, None when it is already gone.
    pub(crate) fn path_of_id(&mut self, id: u64) -> Option<&str> {
        if !self.known.contains_key(&id) {
            let known = &mut self.known;
            self.hierarchy.each(|_, path, id| {
                known.insert(id, Some(path.to_owned()));
            });
            known.entry(id).or_insert(None);
        }
        self.known.get(&id)?.as_deref()
    }
}

/// Cgroup for the traced command, below tracer's own, so that tracer's limits hold there too. Dropping it moves its
/// remaining processes to the parent and removes it.
#[derive(Debug)]
pub(crate) struct ChildCgroup {
    dir: PathBuf,
}

impl ChildCgroup {
    /// Makes `tracer-<pid>-<n>-<pid namespace>` below tracer's own cgroup. The process id alone is not unique: a tracer
    /// in another pid namespace may have the same one in the same cgroup.
    pub(crate) fn create(hierarchy: &Hierarchy) -> Result<Self, CgroupError> {
        let own = Hierarchy::own_path()?;
        let parent = hierarchy.dir(&own)?;
        let namespace = inode(Path::new("/proc/self/ns/pid"))?;
        remove_left_behind(&parent, namespace);
        Self::create_in(&parent, namespace)
    }

    /// Makes the cgroup. A taken name belongs to a killed tracer with the same process id, whose command still runs;
    /// the next name is tried.
    fn create_in(parent: &Path, namespace: u64) -> Result<Self, CgroupError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut attempts = 0;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("tracer-{}-{number}-{namespace}", std::process::id());
            let dir = parent.join(name);
            attempts += 1;
            match std::fs::create_dir(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && attempts < CREATE_ATTEMPTS => {}
                Err(source) => return Err(CgroupError::CannotCreate { path: dir, source }),
            }
        }
    }

    /// Directory of the cgroup, to attach programs to.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// File that moves a process into the cgroup: write its pid, or "0" for the writer itself.
    pub(crate) fn procs_path(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }
}

/// Removes empty cgroups that killed tracers of this pid namespace have left. Cgroups of other pid namespaces stay:
/// from here nothing shows whether their tracers still run.
fn remove_left_behind(parent: &Path, namespace: u64) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| maker(name, namespace));
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // A cgroup that still has processes cannot be removed.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

/// Process id of the tracer that made the cgroup; None when no tracer of this pid namespace made it.
fn maker(name: &str, namespace: u64) -> Option<u32> {
    let mut parts = name.strip_prefix("tracer-")?.split('-');
    let pid = parts.next()?.parse().ok()?;
    let _number: u32 = parts.next()?.parse().ok()?;
    let made_in: u64 = parts.next()?.parse().ok()?;
    (made_in == namespace && parts.next().is_none()).then_some(pid)
}

impl Drop for ChildCgroup {
    fn drop(&mut self) {
        let Some(parent) = self.dir.parent() else {
            return;
        };
        remove(&self.dir, &parent.join("cgroup.procs"));
    }
}

/// Container id, 64 hexadecimal digits, in a cgroup path: docker, containerd, CRI-O, podman and Kubernetes with the
/// systemd or the cgroupfs driver (`docker-ID.scope`, `/docker/ID`, `….slice:cri-containerd:ID`). The innermost id
/// counts. Monitors of podman and CRI-O (`…-conmon-ID`) do not belong to the container.
pub(crate) fn container_of(cgroup_path: &str) -> Option<String> {
    cgroup_path
        .rsplit('/')
        .find_map(container_in)
        .map(str::to_owned)
}

/// Container id in one component of a cgroup path.
fn container_in(component: &str) -> Option<&str> {
    let name = component
        .trim_end_matches(".scope")
        .trim_end_matches(".service");
    let (prefix, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    let is_id = id.len() == CONTAINER_ID_LEN && id.bytes().all(|b| b.is_ascii_hexdigit());
    (is_id && !prefix.ends_with("conmon")).then_some(id)
}

/// Tells whether the last component of a path is the container `wanted`, given whole or abbreviated.
fn is_container(path: &str, wanted: &str) -> bool {
    let id = path.rsplit('/').next().and_then(container_in);
    wanted.len() >= SHORT_ID_LEN && id.is_some_and(|id| id.starts_with(wanted))
}

/// The hierarchy of one line of mountinfo, if that line is a cgroup v2 mount.
fn cgroup2_mount(line: &str) -> Option<Hierarchy> {
    let (mount, kind) = line.split_once(" - ")?;
    if kind.split(' ').next()? != "cgroup2" {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let root = unescape(fields.next()?);
    Some(Hierarchy {
        root,
        mount: unescape(fields.next()?).into(),
    })
}

/// Undoes the octal escapes (`\040` for a space) of mountinfo.
fn unescape(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
        {
            Some(byte) => {
                out.push(byte);
                out.extend(part.bytes().skip(3));
            }
            None => out.extend(b"\\".iter().copied().chain(part.bytes())),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The v2 path in the text of a /proc/PID/cgroup file: its line begins with `0::`.
fn own_path_in(text: &str) -> Option<String> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(path.trim_end_matches(" (deleted)").to_owned())
}

/// Empties and removes a cgroup and those below it. A drop cannot report errors; after a failure an empty directory
/// remains until reboot.
fn remove(dir: &Path, to: &Path) {
    for _ in 0..REMOVE_ATTEMPTS {
        for name in subdirs(dir) {
            remove(&dir.join(name), to);
        }
        let procs = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for pid in procs.lines() {
            // A process that has ended meanwhile need not be moved.
            let _ = std::fs::write(to, pid);
        }
        match std::fs::remove_dir(dir) {
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(REMOVE_WAIT),
            _ => return,
        }
    }
}

/// Names of the directories in a directory.
fn subdirs(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let dirs = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    dirs.filter_map(|e| e.file_name().into_string().ok())
        .collect()
}

fn inode(dir: &Path) -> Result<u64, CgroupError> {
    let meta = std::fs::metadata(dir);
    Ok(meta
        .map_err(|source| CgroupError::Unreadable {
            path: dir.into(),
            source,
        })?
        .ino())
}

fn read(path: &Path) -> Result<String, CgroupError> {
    std::fs::read_to_string(path).map_err(|source| CgroupError::Unreadable {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path from the root of the hierarchy, as in /proc/PID/cgroup.
    fn path_of(group: &ChildCgroup) -> String {
        let own = Hierarchy::own_path().unwrap();
        let name = group.dir().file_name().unwrap().to_string_lossy();
        format!("{}/{name}", own.trim_end_matches('/'))
    }

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
37 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:31 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";

    #[track_caller]
    fn check_mount(text: &str, expected: Option<(&str, &str)>) {
        let got = Hierarchy::in_mountinfo(text);
        let got = got
            .as_ref()
            .map(|h| (h.mount.to_str().unwrap(), h.root.as_str()));
        assert_eq!(got, expected);
    }

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        check_mount(HYBRID, Some(("/sys/fs/cgroup/unified", "/")));
        check_mount(
            "26 23 0:24 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
            Some(("/sys/fs/cgroup", "/")),
        );
        check_mount(
            "26 23 0:24 / /mnt/a\\040b\\134c rw - cgroup2 none rw",
            Some(("/mnt/a b\\c", "/")),
        );
        let partial = "9 1 0:24 /docker/x /part rw - cgroup2 c rw\n";
        check_mount(partial, Some(("/part", "/docker/x")));
        check_mount(
            &format!("{partial}{HYBRID}"),
            Some(("/sys/fs/cgroup/unified", "/")),
        );
        check_mount(
            "37 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw\n garbage\n",
            None,
        );
        check_mount("", None);
    }

    #[test]
    fn directories_of_paths() {
        let whole = Hierarchy {
            mount: "/sys/fs/cgroup".into(),
            root: "/".into(),
        };
        assert_eq!(whole.dir("/a/b").unwrap(), Path::new("/sys/fs/cgroup/a/b"));
        assert_eq!(whole.dir("/").unwrap(), Path::new("/sys/fs/cgroup"));
        assert!(matches!(
            whole.dir("/../x"),
            Err(CgroupError::Outside { .. })
        ));
        let part = Hierarchy {
            mount: "/part".into(),
            root: "/docker/x".into(),
        };
        assert_eq!(part.dir("/docker/x/y").unwrap(), Path::new("/part/y"));
        assert!(matches!(
            part.dir("/docker/z"),
            Err(CgroupError::Outside { .. })
        ));
    }

    #[test]
    fn own_path_is_the_v2_line() {
        let text = "8:pids:/v1\n0::/user.slice/session-2.scope\n";
        assert_eq!(
            own_path_in(text).as_deref(),
            Some("/user.slice/session-2.scope")
        );
        assert_eq!(
            own_path_in("0::/gone (deleted)\n").as_deref(),
            Some("/gone")
        );
        assert_eq!(own_path_in("8:pids:/v1\n"), None);
    }

    #[track_caller]
    fn check_container(pattern: &str, expected: bool) {
        let id = "0123456789abcdef".repeat(4);
        let path = pattern.replace("ID", &id);
        assert_eq!(container_of(&path), expected.then_some(id), "{path}");
    }

    #[test]
    fn containers_by_path() {
        check_container("/system.slice/docker-ID.scope", true);
        check_container("/docker/ID", true);
        check_container("/docker/ID/init", true);
        check_container(
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            true,
        );
        check_container("/kubepods/besteffort/pod12-34/ID", true);
        check_container("/kubepods.slice/crio-ID.scope", true);
        check_container("/machine.slice/libpod-ID.scope/container", true);
        check_container(
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
            true,
        );
        check_container("/machine.slice/libpod-conmon-ID.scope", false);
        check_container("/user.slice/session-2.scope", false);
        check_container("/docker/ID0", false);
        check_container("/", false);
    }

    #[test]
    fn abbreviated_container_ids() {
        let path = format!("/docker/{}", "0123456789abcdef".repeat(4));
        assert!(is_container(&path, "0123456789ab") && is_container(&path, &path[8..]));
        assert!(!is_container(&path, "0123456789a") && !is_container(&path, "123456789abc"));
        assert!(!is_container(&format!("{path}/init"), "0123456789ab"));
    }

    #[test]
    fn a_child_cgroup_is_found_by_path_and_id_and_leaves_nothing() {
        let hierarchy = Hierarchy::find().unwrap();
        let group = ChildCgroup::create(&hierarchy).unwrap_or_else(|e| panic!("needs root: {e}"));
        let dir = group.dir().to_owned();
        for wanted in [
            dir.to_str().unwrap(),
            &path_of(&group),
            &path_of(&group)[1..],
            &inode(group.dir()).unwrap().to_string(),
        ] {
            let found = hierarchy.resolve(wanted).unwrap();
            let level = path_of(&group).matches('/').count() as u32;
            assert_eq!(
                found,
                Cgroup {
                    path: path_of(&group),
                    id: inode(group.dir()).unwrap(),
                    level
                },
                "{wanted}"
            );
        }
        let mut paths = CgroupPaths::new(hierarchy.clone());
        assert_eq!(
            paths.path_of_id(inode(group.dir()).unwrap()),
            Some(path_of(&group).as_str())
        );
        assert_eq!(paths.path_of_id(u64::MAX), None);
        drop(group);
        assert!(!dir.exists());
        assert!(matches!(
            hierarchy.resolve("/no/such/cgroup"),
            Err(CgroupError::NotFound { .. })
        ));
        assert!(matches!(
            hierarchy.resolve("/etc"),
            Err(CgroupError::NotFound { .. })
        ));
        assert_eq!(
            hierarchy.resolve("/").unwrap(),
            Cgroup {
                path: "/".into(),
                id: 1,
                level: 0
            }
        );
    }

    #[test]
    fn processes_left_behind_go_to_the_parent() {
        let hierarchy = Hierarchy::find().unwrap();
        let group = ChildCgroup::create(&hierarchy).unwrap_or_else(|e| panic!("needs root: {e}"));
        let dir = group.dir().to_owned();
        std::fs::create_dir(dir.join("below")).unwrap();
        let mut children: Vec<_> = (0..3)
            .map(|_| {
                std::process::Command::new("sleep")
                    .arg("60")
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in &children[..2] {
            std::fs::write(group.procs_path(), child.id().to_string()).unwrap();
        }
        std::fs::write(dir.join("below/cgroup.procs"), children[2].id().to_string()).unwrap();
        let where_is = |pid: u32| {
            own_path_in(&std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()).unwrap()
        };
        assert_eq!(where_is(children[0].id()), path_of(&group));
        drop(group);
        assert!(!dir.exists());
        for child in &mut children {
            assert_eq!(where_is(child.id()), Hierarchy::own_path().unwrap());
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn what_a_killed_tracer_left_is_removed() {
        let hierarchy = Hierarchy::find().unwrap();
        let parent = hierarchy.dir(&Hierarchy::own_path().unwrap()).unwrap();
        let namespace = inode(Path::new("/proc/self/ns/pid")).unwrap();
        // Larger than the largest pid.
        let left = parent.join(format!("tracer-4194305-0-{namespace}"));
        let others = [
            parent.join("tracer-mine"),
            parent.join("tracer-4194305-0-1"),
        ];
        std::fs::create_dir(&left).expect("needs root");
        for other in &others {
            std::fs::create_dir(other).unwrap();
        }
        drop(ChildCgroup::create(&hierarchy).unwrap());
        let (left, kept) = (left.exists(), others.iter().all(|other| other.exists()));
        for other in others {
            std::fs::remove_dir(other).unwrap();
        }
        assert!(!left && kept);
    }

    #[test]
    fn a_name_that_is_taken_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let taken: Vec<_> = (0..20)
            .map(|number| format!("tracer-{}-{number}-1", std::process::id()))
            .map(|name| parent.path().join(name))
            .collect();
        for name in &taken {
            std::fs::create_dir(name).unwrap();
        }
        let group = ChildCgroup::create_in(parent.path(), 1).unwrap();
        assert!(!taken.contains(&group.dir().to_owned()));
    }
}
