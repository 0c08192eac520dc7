//! HTML as in the real web: broken, odd, and with text that only looks like a link.

use super::answer::Answer;
use super::links::Counts;
use super::plan::{Host, Plan};

/// Pages with the links that a browser finds in them, as paths.
const PAGES: &[(&str, &[&str])] = &[
    (
        "<a href=/u/1>unquoted</a><a href='/u/2'>single</a><A HREF=\"/u/3\">upper</A>",
        &["/u/1", "/u/2", "/u/3"],
    ),
    (
        "<p><a href=\"/n/1\"><b><i>never closed<table><tr><td><a href=/n/2><div></p></span></a></a>",
        &["/n/1", "/n/2"],
    ),
    (
        "<!-- <a href=\"/never\"> --><a href=\"/c/1\">x</a><!-- open <a href=\"/never\">",
        &["/c/1"],
    ),
    (
        "<script>var s = '<a href=\"/never\">';</script><style>a{content:'<a href=/never>'}</style><a href=/s/1>",
        &["/s/1"],
    ),
    (
        "<textarea><a href=\"/never\"></textarea><title><a href=\"/never\"></title><a href=/t/1>",
        &["/t/1"],
    ),
    (
        "<a href=\"/e/1?a=1&amp;b=2\">e</a><a href=\"/e/&#50;\">e</a><a href=\"/e/&#x33;\">e</a><a href=\"/e/4?a&copy=1\">e</a>",
        &["/e/1?a=1&b=2", "/e/2", "/e/3", "/e/4?a&copy=1"],
    ),
    (
        "<a href=\"/d/1\" href=\"/never\">twice</a><a/href=\"/d/2\"/>slash</a>",
        &["/d/1", "/d/2"],
    ),
    (
        "<map><area href=\"/a/1\"></map><iframe src=\"/a/2\"></iframe><frameset><frame src=\"/a/3\"></frameset>",
        &["/a/1", "/a/2", "/a/3"],
    ),
    (
        "<img src=\"/never\" srcset=\"/never 2x\"><script src=\"/never\"></script><link rel=stylesheet href=\"/never\">",
        &[],
    ),
    (
        "<link rel=next href=\"/l/1\"><link rel=canonical href=\"/l/2\"><link rel=\"alternate\" href=\"/l/3\">",
        &["/l/1", "/l/2", "/l/3"],
    ),
    (
        "<meta http-equiv=\"refresh\" content=\"0; url=/r/1\">",
        &["/r/1"],
    ),
    (
        "<META HTTP-EQUIV=Refresh CONTENT=\"5;URL='/r/2'\">",
        &["/r/2"],
    ),
    (
        "<base href=\"/b/base/\"><a href=\"1\">x</a><a href=\"../2\">x</a><base href=\"/never/\">",
        &["/b/base/1", "/b/2"],
    ),
    (
        "<a href=\"/w/1\n/x\">line break</a><a href=\"  /w/2  \">spaces</a><a href=\"/w/a b\">space</a>",
        &["/w/1/x", "/w/2", "/w/a%20b"],
    ),
    (
        "<a name=\"top\"></a><a href>empty</a><a>none</a><a href=\"\\back\\slash\">x</a>",
        &["/self", "/back/slash"],
    ),
    (
        "<a href=\"/z/1\">a\0b</a>\0<a\0href=\"/never\"><a href=\"/z/2\"",
        &["/z/1"],
    ),
    (
        "<svg><a href=\"/g/1\"></a></svg><math><a href=\"/g/2\"></math><template><a href=\"/g/3\"></template>",
        &["/g/1", "/g/2", "/g/3"],
    ),
    (
        "<form action=\"/never\"><button formaction=\"/never\"></form><a href=\"/o/1\">",
        &["/o/1"],
    ),
    (
        "</html></body><a href=\"/after/1\">after the end</a>",
        &["/after/1"],
    ),
];

pub(super) fn add(plan: &mut Plan) {
    let mut host = plan.host("markup");
    let names: Vec<String> = (0..PAGES.len())
        .map(|number| format!("/page/{number}"))
        .collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend([
        "/deep-nesting",
        "/many",
        "/empty",
        "/picture",
        "/plain-text",
    ]);
    host.home(&all);
    for (name, (html, links)) in names.iter().zip(PAGES) {
        host.page(name, Answer::html(*html), Counts::found(links.len() as u64));
        for link in *links {
            if *link != "/self" {
                host.leaf(link);
            }
        }
    }
    large(&mut host);
    nofollow(plan);
}

fn large(host: &mut Host<'_>) {
    let html = "<div>".repeat(20_000) + "<a href=\"/nested/1\">far down</a>";
    host.page("/deep-nesting", Answer::html(html), Counts::found(1));
    host.leaf("/nested/1");
    // More links than the crawler takes from one page.
    let html = "<a href=\"/same\">x</a>".repeat(10_500);
    let counts = Counts::found(10_000).and("too_many_links", 500);
    host.page("/many", Answer::html(html), counts);
    host.leaf("/same");
    host.page("/empty", Answer::html(""), Counts::default());
    let picture = "<a href=\"/never\">not HTML</a>";
    let typed = |kind: &str| Answer::new(200, picture).with("content-type", kind);
    host.page("/picture", typed("image/png"), Counts::default());
    host.page("/plain-text", typed("text/plain"), Counts::default());
}

/// Adds links that must not be followed, each for another reason. No other page links to their targets.
fn nofollow(plan: &mut Plan) {
    let mut host = plan.host("nofollow");
    host.home(&["/rel", "/meta", "/agent", "/header", "/other", "/none"]);
    let link = "<a href=\"/never\">x</a>";
    let left_out = || Counts::default().and("nofollow", 1);
    let rel =
        "<a rel=\"noopener NoFollow\" href=\"/never\">x</a><a rel=\"nofollower\" href=\"/1\">x</a>";
    host.page(
        "/rel",
        Answer::html(rel),
        Counts::found(1).and("nofollow", 1),
    );
    host.leaf("/1");
    let html = format!("<meta name=\"ROBOTS\" content=\"noindex, NoFollow\">{link}");
    host.page("/meta", Answer::html(html), left_out());
    let html = format!("<meta name=tracer content=nofollow>{link}");
    host.page("/agent", Answer::html(html), left_out());
    let answer = Answer::html(link).with("x-robots-tag", "tracer: nofollow");
    host.page("/header", answer, left_out());
    let html = "<meta name=otherbot content=nofollow><a href=\"/2\">x</a>";
    let answer = Answer::html(html).with("x-robots-tag", "otherbot: nofollow");
    host.page("/other", answer, Counts::found(1));
    host.leaf("/2");
    let html = format!("<meta name=robots content=none>{link}");
    host.page("/none", Answer::html(html), left_out());
}
