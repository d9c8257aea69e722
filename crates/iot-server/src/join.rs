//! `iot-server join`: lets a node join the hub that runs on this machine, from its command line. Whoever can write the
//! data directory may: that is where the token comes from with which the hub's own API is asked, and where it stands at
//! which address. The token can open windows and nothing that an admin can, and is gone when this ends.

mod page;
mod pinned;

use core::time::Duration;
use std::{
    collections::HashSet,
    io::{self, BufRead as _},
    process::ExitCode,
    thread,
};

use anyhow::{Context as _, bail};
use iot_core::{
    UnixMillis,
    people::{By, Change, People as _, Role, Token, TokenLabel},
};
use iot_server::Config;
use iot_store::{SqlitePeople, is_in_use};
use iot_web::Secret;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use self::page::Page;
use crate::{
    cli::{AUTHOR, JoinOptions, Settings},
    out, run,
    store_file::store_of,
};

/// What the token is for.
const LABEL: &str = "iot-server join";

/// How often the hub is asked who joins.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A token outlives its window by so much, so that the window can be closed with it, and a press waited for.
const SPARE_MS: i64 = 300_000;

/// Opens the window, shows what lets a node in, and says who joined.
///
/// # Errors
/// No hub runs here, nobody owns it, or what its API says.
pub(crate) fn join(settings: Settings, options: &JoinOptions) -> anyhow::Result<ExitCode> {
    let config = settings.config(Config::default())?;
    let store = store_of(&config)?;
    if !is_in_use(&store)? {
        bail!("no hub runs on {}: start it first, or say which with --data-dir", config.data_dir.display());
    }
    let people = SqlitePeople::open(&store)?;
    let token = token(&people, options.minutes)?;
    let joined = run::runtime()?.block_on(async {
        let page = Page::of(&config, &token.text)?;
        tokio::select! {
            joined = let_join(&page, options.minutes) => joined,
            stopped = run::stop_signal() => stopped.map(|()| ExitCode::FAILURE).map_err(Into::into),
        }
    });
    let known = people.tokens()?.into_iter().find(|known| known.key == token.hash);
    if let Some(known) = known {
        change(&people, &Change::RevokeToken(known))?;
    }
    joined
}

/// A token of the first admin that may open windows.
fn token(people: &SqlitePeople, minutes: u32) -> anyhow::Result<Secret> {
    let admin = people.users()?.into_iter().find(|user| user.role == Role::Admin);
    let user = admin.context("nobody owns the hub: claim it on its page first")?.name;
    let (secret, made) = (Secret::for_token()?, iot_net::wall_clock());
    let until = UnixMillis(made.0.saturating_add(i64::from(minutes) * 60_000 + SPARE_MS));
    let (label, role) = (TokenLabel::new(LABEL)?, Role::Operator);
    let token = Token { number: 0, key: secret.hash, user, label, role, made, until, used: None };
    change(people, &Change::AddToken(token))?;
    Ok(secret)
}

fn change(people: &SqlitePeople, change: &Change) -> anyhow::Result<()> {
    Ok(people.change(change, By { at: iot_net::wall_clock(), who: AUTHOR, why: "" })?)
}

/// Waits until a node has joined or the window has closed. A window that was open before stays open.
async fn let_join(page: &Page, minutes: u32) -> anyhow::Result<ExitCode> {
    let before = page.get("/joining").await?;
    let is_open = !before["window"].is_null();
    let way = if is_open { "/joining/secret" } else { "/joining/open" };
    let asked = if is_open { json!({}) } else { json!({ "minutes": minutes }) };
    let given = page.post(way, &asked).await?;
    show(&given)?;
    let told = before["window"]["news"].as_array().map_or(0, Vec::len);
    let joined = watch(page, told).await;
    if !is_open {
        // It may have closed by itself.
        let _ = page.post("/joining/close", &json!({})).await;
    }
    joined
}

/// Shows what lets one node in.
fn show(given: &Json) -> anyhow::Result<()> {
    let text = |name: &str| given[name].as_str().with_context(|| format!("the hub gave no {name}"));
    let (secret, invitation) = (text("secret")?, text("invitation")?);
    let code = QrCode::with_error_correction_level(invitation, EcLevel::M)?;
    // Light on dark, as most terminals are; scanners take both.
    let squares = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    out::line(&format!("{squares}\n{invitation}\n\nSecret, for one node:  {secret}"));
    out::line(
        "Give it to the node; or, if the node shows digits, type all of them here: twelve, or six where it has a button.",
    );
    Ok(())
}

/// Says what happens in the window, and hands on what is typed.
async fn watch(page: &Page, mut told: usize) -> anyhow::Result<ExitCode> {
    let (mut typed, mut asked) = (lines(), HashSet::new());
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            Some(line) = typed.recv() => match page.post("/joining/digits", &json!({ "digits": line })).await {
                Ok(_) => out::line("These are the digits of a node: wait for it."),
                Err(refused) => out::error(&refused.to_string()),
            },
            _ = looks.tick() => {
                let now = page.get("/joining").await?;
                let waits = ask_for_presses(&now, &mut asked);
                let window = if now["window"].is_null() { &now["last"] } else { &now["window"] };
                let news = window["news"].as_array().map_or(&[][..], Vec::as_slice);
                for one in news.get(told..).unwrap_or_default() {
                    out::line(one["text"].as_str().unwrap_or_default());
                    // Only what is about a node that has joined names one.
                    if one["node"].is_string() {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                told = news.len();
                if now["window"].is_null() && !waits {
                    bail!("no node has joined: {}", now["last"]["why"].as_str().unwrap_or("the window is closed"));
                }
            }
        }
    }
}

/// Asks for the press of each button that is waited for, once. Whether there is any.
fn ask_for_presses(now: &Json, asked: &mut HashSet<u64>) -> bool {
    let pressing = now["pressing"].as_array().map_or(&[][..], Vec::as_slice);
    for node in pressing {
        if node["session"].as_u64().is_some_and(|session| asked.insert(session)) {
            let id = node["node"].as_str().unwrap_or_default();
            out::line(&format!(
                "Now press the button of the node whose digits you typed, and no other: {id}."
            ));
        }
    }
    !pressing.is_empty()
}

/// The lines of standard input, for as long as there are any.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    // Ends with the process where nobody types anything.
    thread::spawn(move || {
        let typed = io::stdin().lock().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty());
        for line in typed {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
