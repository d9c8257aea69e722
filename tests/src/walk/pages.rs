//! The pages in a real browser: they keep themselves up to date, switch without reloading, and fit.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Walk, commands};
use crate::{browser::Browser, people::OWNER, wait::until};

const SOON: Duration = Duration::from_secs(10);

/// Widths in pixels: the smallest phone that counts, a phone, a tablet, a desk.
const WIDTHS: [u32; 4] = [320, 360, 768, 1280];

/// The browser, logged in as the owner.
pub(super) fn browser(walk: &mut Walk) -> Result<&Browser> {
    if walk.browser.is_none() {
        walk.browser = Some(Browser::start()?);
    }
    // A hub that was started anew is on another port, where nobody is logged in yet.
    let base = walk.hub()?.api.base().to_owned();
    walk.browser.as_ref().context("the browser")?.log_in(&base, OWNER)?;
    walk.browser.as_ref().context("the browser")
}

/// A value changes on the page without anyone touching it, and the page says that it is live.
pub(super) fn live(walk: &mut Walk) -> Result<String> {
    let (node, module) = commands::find(walk, "temperature", "online")?;
    let url = format!("{}/nodes/{node}/modules/{module}", walk.hub()?.api.base());
    let browser = browser(walk)?;
    browser.resize(1280, 900)?;
    browser.open(&url)?;
    until("the page says that it is live", SOON, || {
        Ok((browser.run("return document.querySelector('.live [role=status]').textContent")? == "Live")
            .then_some(()))
    })?;
    let value = "return document.querySelector('[data-series] .val').textContent";
    let before = browser.run(value)?;
    let after = until("the value changes by itself", SOON, || {
        let now = browser.run(value)?;
        Ok((now != before).then_some(now))
    })?;
    Ok(format!("{} became {}", tidy(&before), tidy(&after)))
}

/// A toggle is clicked. The page is not loaded anew, and the thumb moves when the node has reported.
pub(super) fn switch(walk: &mut Walk) -> Result<String> {
    let (node, module) = commands::find(walk, "relay", "online")?;
    let url = format!("{}/nodes/{node}/modules/{module}", walk.hub()?.api.base());
    let browser = browser(walk)?;
    browser.open(&url)?;
    browser.run("window.sameDocument = true")?;
    let state = "return document.querySelector('button.toggle').getAttribute('aria-checked')";
    let before = browser.run(state)?;
    browser.click("button.toggle")?;
    let after = until("the toggle shows what the node reported", SOON, || {
        let now = browser.run(state)?;
        Ok((now != before).then_some(now))
    })?;
    ensure!(browser.run("return window.sameDocument === true")? == true, "the page was loaded anew");
    Ok(format!("{before} became {after}, without loading the page anew"))
}

/// A box or form of a section that something stands nearer to than 8 pixels, in words; a heading may.
const TOO_NEAR: &str = "
    for (const section of document.querySelectorAll('.sec')) {
        const boxes = [...section.children].filter((child) => child.getClientRects().length > 0);
        for (const [at, box] of boxes.entries()) {
            const above = boxes[at - 1];
            const isBox = (one) => one.matches('form, .frame, .panel, .cols, .note');
            if (!above || above.matches('header') || !(isBox(above) || isBox(box))) continue;
            const gap = box.getBoundingClientRect().top - above.getBoundingClientRect().bottom;
            if (gap < 8) return `${above.className} and ${box.className} in ${section.id}: ${gap}`;
        }
    }
    return null;";

/// No page scrolls sideways at any width, nothing stands too near to what is above it, and the console has nothing to say:
/// no error, nothing refused by the content policy.
pub(super) fn fit(walk: &mut Walk) -> Result<String> {
    let (node, module) = commands::find(walk, "rgb-light", "online")?;
    let base = walk.hub()?.api.base().to_string();
    let paths = [
        "/".to_string(),
        "/nodes".into(),
        format!("/nodes/{node}"),
        format!("/nodes/{node}/modules/{module}"),
        "/commands".into(),
        "/inbox".into(),
        "/joining".into(),
        "/catalogue".into(),
        "/catalogue/cover".into(),
        "/store".into(),
        "/hub-key".into(),
        "/audit".into(),
        "/people".into(),
        "/account".into(),
        "/nothing-here".into(),
    ];
    let (status, _) = walk.hub()?.api.post("/joining/open", &json!({ "why": "the page has most then" }))?;
    ensure!(status == 200, "nodes may join: {status}");
    let browser = browser(walk)?;
    for path in &paths {
        browser.open(&format!("{base}{path}"))?;
        for width in WIDTHS {
            browser.resize(width, 800)?;
            let wide = browser.run("return document.documentElement.scrollWidth")?;
            ensure!(wide.as_u64() <= Some(width.into()), "{path} is {wide} pixels wide in {width}");
            let near = browser.run(TOO_NEAR)?;
            ensure!(near.is_null(), "{path} at {width} pixels: {near}");
        }
    }
    let complaints = browser.complaints()?;
    // The browser itself notes that the page which is not there was answered with 404.
    let complaints: Vec<_> = complaints.iter().filter(|line| !line.contains("/nothing-here")).collect();
    ensure!(complaints.is_empty(), "the console says: {complaints:?}");
    let (status, _) = walk.hub()?.api.post("/joining/close", &json!({}))?;
    ensure!(status == 200, "no more nodes join: {status}");
    Ok(format!("{} pages at {WIDTHS:?} pixels, and a silent console", paths.len()))
}

fn tidy(text: &serde_json::Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
