//! Files from which a process runs code, by /proc/PID/maps.

/// File from which a process runs code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mapped {
    /// Device of the file, as the kernel prints it.
    pub device: (u32, u32),
    /// Inode number of the file.
    pub inode: u64,
    /// First and last address of one mapping, by which `/proc/PID/map_files` names it.
    pub range: (u64, u64),
    /// Path of the file as the process sees it. For a file that was removed it ends with ` (deleted)`.
    pub path: String,
}

/// Files that are mapped executable, each once, from the text of `/proc/PID/maps`.
pub fn mapped(maps: &str) -> Vec<Mapped> {
    let mut found: Vec<Mapped> = Vec::new();
    for file in maps.lines().filter_map(line) {
        let known = |it: &Mapped| (it.device, it.inode) == (file.device, file.inode);
        if !found.iter().any(known) {
            found.push(file);
        }
    }
    found
}

/// Reads `55d0c7a00000-55d0c7a25000 r-xp 00002000 fe:01 1234   /usr/bin/curl`.
fn line(line: &str) -> Option<Mapped> {
    let mut rest = line;
    let mut word = || {
        let (word, behind) = rest.split_once(' ')?;
        rest = behind.trim_start();
        Some(word)
    };
    let (range, rights, _, device, inode) = (word()?, word()?, word()?, word()?, word()?);
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (begin, end) = range.split_once('-')?;
    let (major, minor) = device.split_once(':')?;
    let is_code = rights.as_bytes().get(2) == Some(&b'x') && rest.starts_with('/');
    is_code.then_some(())?;
    Some(Mapped {
        device: (
            u32::from_str_radix(major, 16).ok()?,
            u32::from_str_radix(minor, 16).ok()?,
        ),
        inode: inode.parse().ok()?,
        range: (hex(begin)?, hex(end)?),
        path: rest.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_counts_and_each_file_once() {
        let maps = "\
55d0c7a00000-55d0c7a02000 r--p 00000000 fe:01 1234                       /usr/bin/curl
55d0c7a02000-55d0c7a25000 r-xp 00002000 fe:01 1234                       /usr/bin/curl
55d0c7a25000-55d0c7a26000 r-xp 00030000 fe:01 1234                       /usr/bin/curl
7f0000000000-7f0000001000 r-xp 00000000 00:1f 77                         /tmp/a name with  spaces.so (deleted)
7f0000002000-7f0000003000 rwxp 00000000 00:00 0 
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
";
        let found = mapped(maps);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Mapped {
                device: (0xfe, 1),
                inode: 1234,
                range: (0x55d0_c7a0_2000, 0x55d0_c7a2_5000),
                path: "/usr/bin/curl".into(),
            }
        );
        assert_eq!(found[1].path, "/tmp/a name with  spaces.so (deleted)");
        assert_eq!(mapped("rubbish\n\n1-2 r-xp 0 1:1 x /a"), []);
    }
}
