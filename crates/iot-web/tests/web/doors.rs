//! Who is let in: every route asked as everybody, claiming, logging in and out, tokens, what the audit keeps, and what
//! becomes of all that while the store does not answer.

use std::time::{Duration, Instant};

use http::{Request, StatusCode, header};
use iot_core::{
    audit::{AuditQuery, Deed},
    people::{Change, People as _, Role, UserName},
    store::Chronicle as _,
};
use iot_web::{May, RouteInfo, WebConfig, routes};

use crate::{
    client::{Answer, Hub},
    fake::PASSWORD,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// Somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Nobody,
    Login(Role),
    Token(Role),
}

const EVERYBODY: [As; 7] = [
    As::Nobody,
    As::Login(Role::Viewer),
    As::Login(Role::Operator),
    As::Login(Role::Admin),
    As::Token(Role::Viewer),
    As::Token(Role::Operator),
    As::Token(Role::Admin),
];

/// A path that its route takes, with parts that exist or could.
fn path_of(route: RouteInfo) -> String {
    [
        ("{node}", "plain:pump-house"),
        ("{module}", "0"),
        ("{channel}", "1"),
        ("{command}", "02020202-0202-0202-0202-020202020202"),
        ("{kind}", "relay"),
        ("{act}", "identify"),
        ("{name}", "hub-1.db"),
        ("{user}", "nobody-else"),
        ("{token}", "999"),
        ("{*path}", "hub.css"),
    ]
    .into_iter()
    .fold(route.path.to_owned(), |path, (part, value)| path.replace(part, value))
}

/// Asks a route as a browser or a program of somebody does, and gives the status and where the answer leads.
async fn ask(hub: &Hub, route: RouteInfo, who: As) -> (StatusCode, String) {
    let request = Request::builder().method(route.method).uri(path_of(route));
    let content_type = if route.path.starts_with("/api/") { "application/json" } else { FORM };
    let request = request.header(header::CONTENT_TYPE, content_type);
    let request = match who {
        As::Nobody => request.header(header::COOKIE, "a=b"),
        As::Login(role) => request.header(header::COOKIE, hub.cookie(role)),
        As::Token(role) => request.header(header::AUTHORIZATION, hub.token(role)),
    };
    let request = request.header(header::ORIGIN, format!("http://{}", hub.address));
    let answer = hub.open(request, "").await;
    let location = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
    (answer.status(), location.unwrap_or_default().to_owned())
}

/// Whether a route for these is one for whoever asks.
pub(crate) fn is_for(may: May, who: As) -> bool {
    match (may, who) {
        (May::Always | May::Anyone, _) => true,
        (May::ToClaim, _) | (_, As::Nobody) | (May::Person(_), As::Token(_)) => false,
        (May::Role(least), As::Login(role) | As::Token(role)) | (May::Person(least), As::Login(role)) => {
            role >= least
        }
    }
}

#[tokio::test]
async fn every_route_answers_those_whom_the_table_names_and_nobody_else() {
    for who in EVERYBODY {
        for route in routes() {
            // Logging out and asking too often would change who asks next, so that each has a hub of its own.
            let hub = Hub::start().await;
            let (status, location) = ask(&hub, route, who).await;
            let is_refused = matches!(status.as_u16(), 401 | 403)
                || location.starts_with("/login?next=")
                || (route.path == "/claim" && (status == StatusCode::CONFLICT || location == "/"));
            let is_let_in = is_for(route.may, who);
            // A form that asks for a password and is empty has none that is right.
            let asks_for_one = [("/login", "POST"), ("/account/password", "POST")];
            let is_wrong_password = is_let_in && asks_for_one.contains(&(route.path, route.method));
            assert!(
                is_refused != is_let_in || is_wrong_password,
                "{route:?} as {who:?}: {status} {location}"
            );
            if !is_let_in {
                assert!(hub.fake.state().asked.is_empty(), "{route:?} as {who:?} was done");
            }
        }
    }
}

#[tokio::test]
async fn before_the_claim_every_route_refuses_but_the_claim_and_what_it_is_drawn_with() {
    let hub = Hub::unclaimed().await;
    for route in routes() {
        let (status, location) = ask(&hub, route, As::Nobody).await;
        match (route.may, route.method) {
            (May::Always, _) | (May::ToClaim, "GET") => assert_eq!(status, StatusCode::OK, "{route:?}"),
            (May::ToClaim, _) => assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "an empty name"),
            _ => assert!(
                status == StatusCode::FORBIDDEN || (status == StatusCode::SEE_OTHER && location == "/claim"),
                "{route:?}: {status} {location}"
            ),
        }
    }
    let api = hub.get("/api/v1/nodes").await;
    assert_eq!((api.status, &api.json()["error"]["name"]), (StatusCode::FORBIDDEN, &"unclaimed".into()));
    assert!(hub.fake.state().asked.is_empty());
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// Sends a form as nobody, from an address of this machine that goes through a proxy or not.
async fn form(hub: &Hub, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, FORM).header(header::COOKIE, "a=b");
    let request = request.header(header::ORIGIN, format!("http://{}", hub.address));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    hub.send(request, body).await
}

/// What makes a request from this machine one that comes from elsewhere.
const FAR: &[(&str, &str)] = &[("x-forwarded-for", "10.0.0.77")];

/// What the audit has, newest first, and of whom.
pub(crate) fn deeds(hub: &Hub) -> Vec<(Deed, String)> {
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    let found = hub.fake.people.store.audit(&query).expect("a store in memory");
    found.into_iter().map(|entry| (entry.record.deed, entry.record.by.into())).collect()
}

#[tokio::test]
async fn a_hub_is_claimed_at_its_machine_or_with_the_code_and_its_owner_is_logged_in() {
    let hub = Hub::unclaimed().await;
    let claim = "name=Ada&password=correct+horse";
    assert_eq!(form(&hub, "/claim", claim, FAR).await.status, StatusCode::FORBIDDEN, "no code");
    let wrong = format!("{claim}&code=0000-0000");
    assert_eq!(form(&hub, "/claim", &wrong, &[]).await.status, StatusCode::FORBIDDEN, "a wrong one");
    let short = form(&hub, "/claim", "name=ada&password=short", &[]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text.contains("at least 10 are needed") && short.text.contains("value=\"ada\""));

    let claimed = form(&hub, "/claim", claim, &[]).await;
    assert_eq!(
        (claimed.status, claimed.header("location")),
        (StatusCode::SEE_OTHER, "/"),
        "{}",
        claimed.text
    );
    let home = hub.send(Request::get("/").header(header::COOKIE, cookie(&claimed)), "").await;
    assert_eq!(home.status, StatusCode::OK);
    let again = form(&hub, "/claim", "name=eve&password=correct+horse", &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(hub.fake.people.store.users().unwrap().len(), 1);
    let kept: Vec<_> = deeds(&hub).into_iter().map(|(deed, _)| deed).rev().collect();
    assert_eq!(kept, [Deed::Refuse, Deed::Refuse, Deed::Claim, Deed::LogIn]);
}

#[tokio::test]
async fn who_logs_in_goes_where_they_wanted_and_who_logs_out_is_out() {
    let hub = Hub::start().await;
    let wanted = hub.open(Request::get("/nodes?page=2").header(header::COOKIE, "a=b"), "").await;
    assert_eq!(wanted.headers()[header::LOCATION], "/login?next=%2Fnodes%3Fpage%3D2");
    let body = "name=vera&password=correct+horse&next=%2Fnodes%3Fpage%3D2";
    let entered = form(&hub, "/login", body, &[]).await;
    assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, "/nodes?page=2"));
    let cookie = cookie(&entered);
    let get = || Request::get("/account").header(header::COOKIE, &cookie);
    assert!(hub.send(get(), "").await.text.contains("You are viewer of this hub"));
    let out = Request::post("/logout").header(header::COOKIE, &cookie);
    let out = hub.send(out.header("sec-fetch-site", "same-origin"), "").await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(hub.send(get(), "").await.status, StatusCode::SEE_OTHER, "the cookie is worth nothing now");
}

#[tokio::test]
async fn a_wrong_password_is_refused_alike_whoever_it_is_for_and_slowed_down() {
    let hub = Hub::start().await;
    let mut answers = Vec::new();
    for name in ["ada", "nobody", "ada", "nobody", "ada", "nobody"] {
        let body = format!("name={name}&password=wrong+horse+{name}");
        answers.push(form(&hub, "/login", &body, FAR).await);
    }
    let (last, tries) = answers.split_last().unwrap();
    for answer in tries {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("The name or the password is wrong"), "{}", answer.text);
        assert!(answer.header("set-cookie").is_empty());
    }
    assert_eq!((last.status, last.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let refusals = deeds(&hub).into_iter().filter(|(deed, _)| *deed == Deed::Refuse);
    assert!(refusals.clone().all(|(_, by)| by == "somebody at 127.0.0.1"));
    assert_eq!(refusals.count(), 6, "each is in the audit");
}

#[tokio::test]
async fn another_password_needs_the_old_one_and_ends_other_logins() {
    let hub = Hub::start().await;
    let other = cookie(&form(&hub, "/login", &format!("name=ada&password={PASSWORD}"), &[]).await);
    let wrong = hub.form("/account/password", "old=wrong&password=another+horse").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let right = hub.form("/account/password", "old=correct+horse&password=another+horse").await;
    assert_eq!((right.status, right.header("location")), (StatusCode::SEE_OTHER, "/account"));
    assert_eq!(hub.get("/account").await.status, StatusCode::OK, "this login stays");
    let ended = hub.send(Request::get("/account").header(header::COOKIE, other), "").await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    let old = form(&hub, "/login", &format!("name=ada&password={PASSWORD}"), &[]).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let new = form(&hub, "/login", "name=ada&password=another+horse", &[]).await;
    assert_eq!(new.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_admin_adds_changes_and_removes_users() {
    let hub = Hub::start().await;
    let added = hub.form("/people", "name=bea&role=viewer&password=correct+horse").await;
    assert_eq!((added.status, added.header("location")), (StatusCode::SEE_OTHER, "/people"));
    let taken = hub.form("/people", "name=bea&role=viewer&password=correct+horse").await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.text.contains("A user is called bea already"), "{}", taken.text);
    hub.form("/people/bea/role", "role=operator").await;
    let kept = |hub: &Hub| hub.fake.people.store.users().unwrap();
    let bea = kept(&hub).into_iter().find(|user| user.name.as_str() == "bea").unwrap();
    assert_eq!(bea.role, Role::Operator);
    hub.form("/people/bea/password", "password=quite+another").await;
    let entered = form(&hub, "/login", "name=bea&password=quite+another", &[]).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    assert_eq!(hub.form("/people/bea/remove", "").await.status, StatusCode::SEE_OTHER);
    let gone = Request::get("/").header(header::COOKIE, cookie(&entered));
    assert_eq!(hub.send(gone, "").await.status, StatusCode::SEE_OTHER, "and out at once");
    let last = hub.form("/people/ada/remove", "").await;
    assert_eq!(last.status, StatusCode::CONFLICT);
    assert!(last.text.contains("Ada is the last admin"), "{}", last.text);
    assert!(deeds(&hub).iter().filter(|(deed, _)| *deed != Deed::LogIn).take(4).all(|(_, by)| by == "ada"));
}

#[tokio::test]
async fn a_token_is_shown_once_does_what_it_may_and_ends_when_it_is_revoked() {
    let hub = Hub::start().await;
    let made = hub.form("/account/tokens", "label=heating&role=operator&days=30").await;
    let secret = made.text.split("id=\"secret\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert!(secret.starts_with("iothub_") && !hub.get("/account").await.text.contains(secret));
    let bearer = format!("Bearer {secret}");
    let who = Request::get("/api/v1/account").header(header::AUTHORIZATION, &bearer);
    let who = hub.send(who, "").await.json();
    assert_eq!((&who["user"], &who["role"]), (&"ada".into(), &"operator".into()));
    let post = || {
        let request = Request::post("/api/v1/nodes/plain:pump-house/identify");
        request.header(header::AUTHORIZATION, &bearer).header(header::CONTENT_TYPE, "application/json")
    };
    assert_eq!(hub.send(post(), "").await.status, StatusCode::ACCEPTED, "a program says no origin");
    assert_eq!(hub.fake.state().asked.last().unwrap().0, "ada (token heating)");
    let people = Request::get("/people").header(header::AUTHORIZATION, &bearer);
    assert_eq!(hub.send(people, "").await.status, StatusCode::FORBIDDEN);

    let tokens = hub.fake.people.store.tokens().unwrap();
    let number = tokens.iter().find(|token| token.label.as_str() == "heating").unwrap().number;
    assert_eq!(hub.form(&format!("/account/tokens/{number}/revoke"), "").await.status, StatusCode::SEE_OTHER);
    let refused = hub.send(post(), "").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
}

#[tokio::test]
async fn what_comes_with_a_cookie_must_say_which_page_it_comes_from() {
    let hub = Hub::start().await;
    let post = || {
        let request = Request::post("/nodes/plain:pump-house/identify").header(header::CONTENT_TYPE, FORM);
        request.header(header::COOKIE, hub.cookie(Role::Admin))
    };
    for request in [post(), post().header("sec-fetch-site", "same-site")] {
        assert_eq!(hub.send(request, "").await.status, StatusCode::FORBIDDEN);
    }
    assert!(hub.fake.state().asked.is_empty());
    assert_eq!(
        hub.send(post().header("sec-fetch-site", "same-origin"), "").await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn whoever_may_not_is_told_so_and_it_is_kept() {
    let hub = Hub::start().await;
    let request = Request::post("/nodes/plain:pump-house/restart").header(header::CONTENT_TYPE, FORM);
    let request =
        request.header(header::COOKIE, hub.cookie(Role::Viewer)).header("sec-fetch-site", "same-origin");
    let refused = hub.send(request, "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text.contains("This is for operators and admins, and vera is viewer."),
        "{}",
        refused.text
    );
    assert_eq!(deeds(&hub)[0], (Deed::Refuse, "vera".into()));
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_once() {
    let hub = Hub::start().await;
    let set = Change::SetRole(UserName::new("olga").unwrap(), Role::Viewer);
    hub.fake.people.change(&set);
    for name in
        [(header::COOKIE, hub.cookie(Role::Operator)), (header::AUTHORIZATION, hub.token(Role::Operator))]
    {
        let request = Request::post("/nodes/plain:pump-house/identify").header(header::CONTENT_TYPE, FORM);
        let request = request.header(name.0, name.1).header("sec-fetch-site", "same-origin");
        assert_eq!(hub.send(request, "").await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn strangers_learn_nothing_of_the_hub() {
    let hub = Hub::start().await;
    for path in ["/nodes/plain:pump-house/identify", "/nothing", "/events", "/modules/relay/module.toml"] {
        let answer = hub.send(Request::get(path).header(header::COOKIE, "iot-hub-80=x"), "").await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.text.contains("/nodes") && !answer.text.contains("Inbox"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_was_let_in_lately_sees_the_pages_while_the_store_does_not_answer() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let hub = Hub::start_with(WebConfig { people_within: PATIENCE, ..WebConfig::default() }).await;
    let home = routes().find(|route| route.path == "/").unwrap();
    let ask = async |who| ask(&hub, home, who).await.0;
    let everybody = [As::Login(Role::Viewer), As::Token(Role::Admin)];
    for who in everybody {
        assert_eq!(ask(who).await, StatusCode::OK);
    }
    hub.fake.people.disk_hangs.send_replace(true);
    assert_eq!(ask(everybody[0]).await, StatusCode::OK, "the first one waits");
    let asked = Instant::now();
    for who in everybody.into_iter().cycle().take(40) {
        assert_eq!(ask(who).await, StatusCode::OK);
    }
    for who in [As::Login(Role::Admin), As::Token(Role::Viewer)] {
        assert_eq!(ask(who).await, StatusCode::SERVICE_UNAVAILABLE, "nobody can say who that is");
    }
    let tried = hub.form("/login", &format!("name=ada&password={PASSWORD}")).await;
    assert!(tried.text.contains("has not answered for 1 s"), "{}", tried.text);
    assert!(asked.elapsed() < PATIENCE, "nobody else waits: {:?}", asked.elapsed());

    hub.fake.people.disk_hangs.send_replace(false);
    let by = Instant::now() + Duration::from_secs(20);
    while ask(As::Login(Role::Admin)).await != StatusCode::OK {
        assert!(Instant::now() < by, "it answers again, and nobody is let in");
    }
    hub.stop().await;
}

#[tokio::test]
async fn who_logged_out_is_nobody_while_the_store_does_not_answer() {
    let people_within = Duration::from_millis(200);
    let hub = Hub::start_with(WebConfig { people_within, ..WebConfig::default() }).await;
    let get = async || {
        let cookie = hub.cookie(Role::Viewer);
        hub.send(Request::get("/").header(header::COOKIE, cookie), "").await.status
    };
    assert_eq!(get().await, StatusCode::OK);
    let out = Request::post("/logout")
        .header(header::COOKIE, hub.cookie(Role::Viewer))
        .header(header::CONTENT_TYPE, FORM)
        .header(header::ORIGIN, format!("http://{}", hub.address));
    assert_eq!(hub.send(out, "").await.status, StatusCode::SEE_OTHER);
    hub.fake.people.disk_hangs.send_replace(true);
    assert_eq!(get().await, StatusCode::SERVICE_UNAVAILABLE);
    hub.fake.people.disk_hangs.send_replace(false);
    hub.stop().await;
}
