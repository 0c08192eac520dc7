//! Browser with all its processes, in a process group that is killed when this value is dropped.

use std::{
    fs,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use chromiumoxide::{
    Browser,
    cdp::browser_protocol::{browser::BrowserContextId, target::CreateBrowserContextParams},
};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use super::RenderError;
use super::profile::Profile;
use crate::{
    hook::group::{self, Group},
    settings::{Proxy, Render},
};

/// Time within which the browser has to report the address it listens on.
const START_TIME: Duration = Duration::from_secs(30);
/// Text before that address in its output.
const LISTENING: &str = "DevTools listening on ";

/// Flags for a browser without a screen and without requests of its own. Most of these are turned off; the rest goes to
/// a proxy at the broadcast address, where a connection fails at once.
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--blink-settings=imagesEnabled=false",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--proxy-server=http://255.255.255.255:1",
];

#[derive(Debug)]
pub(super) struct Process {
    pub(super) browser: Browser,
    /// Browser context in which pages are opened. Requests of pages use its proxy; those of the browser itself go
    /// nowhere.
    pub(super) context: BrowserContextId,
    pages: AtomicU32,
    handler: JoinHandle<()>,
    group: u32,
    // Fields are dropped in this order: the group is killed before its directory is removed.
    _killer: Group,
    _child: Child,
    _profile: Profile,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.handler.abort();
    }
}

impl Process {
    pub(super) async fn start(
        settings: &Render,
        user_agent: &str,
        way: &CreateBrowserContextParams,
    ) -> Result<Self, RenderError> {
        let failed = |source| RenderError::Start {
            program: settings.program.clone(),
            source,
        };
        let profile = Profile::new().map_err(failed)?;
        let mut command = Command::new(&settings.program);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--user-agent={user_agent}"))
            // The browser is killed, and so leaves its temporary files.
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if nix::unistd::geteuid().is_root() {
            // The browser's sandbox refuses to work for root.
            command.arg("--no-sandbox");
        }
        command.arg("about:blank");
        let (mut child, killer) = group::spawn(command).await.map_err(failed)?;
        let group = child.id().unwrap_or(0);
        let silent = || RenderError::Silent(settings.program.clone());
        let address = tokio::time::timeout(START_TIME, address(&mut child))
            .await
            .ok()
            .flatten()
            .ok_or_else(silent)?;
        let (browser, mut handler) = Browser::connect(address).await?;
        // Unknown messages are ignored, because browsers are newer than the protocol's description.
        let handler = tokio::spawn(async move { while handler.next().await.is_some() {} });
        let context = browser.create_browser_context(way.clone()).await?;
        Ok(Self {
            browser,
            context,
            pages: AtomicU32::new(0),
            handler,
            group,
            _killer: killer,
            _child: child,
            _profile: profile,
        })
    }

    /// True if the browser may take one more page, which is then counted.
    pub(super) fn may_serve(&self, settings: &Render) -> bool {
        let served = self.pages.fetch_add(1, Ordering::Relaxed);
        served < settings.pages_per_browser
            && !self.handler.is_finished()
            && resident_bytes(self.group) <= settings.max_memory.bytes()
    }
}

/// Proxy configuration for pages: that of the crawler.
pub(super) fn way(proxy: &Proxy) -> CreateBrowserContextParams {
    let Some(url) = &proxy.url else {
        return CreateBrowserContextParams::builder()
            .proxy_server("direct://")
            .build();
    };
    // By default the browser connects to loopback directly; the crawler does not.
    let direct = proxy.bypass.iter().map(String::as_str);
    let direct: Vec<_> = direct.chain(["<-loopback>"]).collect();
    CreateBrowserContextParams::builder()
        // Chromium leaves name look-ups to a SOCKS proxy in any case.
        .proxy_server(url.replacen("socks5h:", "socks5:", 1))
        .proxy_bypass_list(direct.join(";"))
        .build()
}

/// Address that the browser listens on. All further output is read and discarded, so that the browser never blocks on
/// it.
async fn address(child: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(child.stderr.take()?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix(LISTENING) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(address.trim().to_owned());
        }
    }
    None
}

/// Resident memory of all processes of a group.
fn resident_bytes(group: u32) -> u64 {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    let page = page
        .ok()
        .flatten()
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(4096);
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0;
    };
    let stats = entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter_map(|stat| resident_pages(&stat, group))
        .sum::<u64>()
        * page
}

/// Resident pages of a process in the group. The fields are counted after the name, which may contain anything: state,
/// ppid, pgrp, …; rss is the 22nd of them.
fn resident_pages(stat: &str, group: u32) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let found: u32 = fields.nth(2)?.parse().ok()?;
    let pages = fields.nth(18)?.parse().ok()?;
    (found == group).then_some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_group() {
        let own = nix::unistd::getpgrp().as_raw() as u32;
        assert!(resident_bytes(own) > 1 << 20);
        assert_eq!(resident_bytes(u32::MAX), 0);
        let stat = "7 (a) b) S 1 42 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 777 22";
        assert_eq!(resident_pages(stat, 42), Some(777));
        assert_eq!(resident_pages(stat, 41), None);
    }
}
