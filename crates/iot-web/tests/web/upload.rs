//! Backups that people send: by a form, by a script, slowly, not to the end, and by those who may not.

use std::time::Duration;

use http::{Request, StatusCode, header};
use iot_core::{
    audit::{AuditQuery, Deed},
    people::Role,
    store::Chronicle as _,
};
use iot_web::{UPLOAD_PIECE, Uploading, WebConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::{Answer, Hub},
    fake::uploads::GOOD,
};

const BACKUP: &str = "hub-20261114T132400Z.db";
const API: &str = "/api/v1/backups";
const FILE: &str = "application/octet-stream";
const BRIEF: Duration = Duration::from_millis(600);
const SOON: Duration = Duration::from_secs(20);

/// A file that is taken, many times as long as any other body may be.
fn file() -> String {
    GOOD.to_owned() + &"x".repeat(1_000_000)
}

/// What a browser sends for the form with this file.
fn form(file: &str) -> String {
    format!(
        "--edge\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\nignored\r\n\
         --edge\r\ncontent-disposition: form-data; name=\"backup\"; filename=\"../../hub.db\"\r\n\
         content-type: application/octet-stream\r\n\r\n{file}\r\n--edge--\r\n"
    )
}

/// Sends a file as a script does.
async fn by_script(hub: &Hub, role: Role, content_type: &str, file: &str) -> Answer {
    let request = Request::post(API).header(header::CONTENT_TYPE, content_type);
    hub.send(request.header(header::AUTHORIZATION, hub.token(role)), file).await
}

/// Sends a form as the page does that is at `origin`.
async fn by_form(hub: &Hub, origin: &str, body: &str) -> Answer {
    let request = Request::post("/store/upload").header(header::ORIGIN, origin);
    hub.send(request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge"), body).await
}

/// Who sent what was taken, and how long it is.
fn taken(hub: &Hub) -> Vec<(String, usize)> {
    let taken = hub.fake.uploads.lock().expect("no panic");
    taken.iter().map(|(by, file)| (by.clone(), file.len())).collect()
}

/// Begins to send a file of which more will come.
async fn begun(hub: &Hub, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(hub.address).await.expect("pages are served");
    let head = format!(
        "POST {API} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: {FILE}\r\n\
         content-length: {length}\r\n\r\n",
        hub.address,
        hub.token(Role::Admin)
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream
}

async fn all_that_comes(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is closed in time").expect("in order");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until the hub says of its uploads what is expected.
async fn until(hub: &Hub, expected: impl Fn(&iot_web::UploadView) -> bool) {
    let mut store = hub.fake.store.subscribe();
    let said = store.wait_for(|store| expected(&store.backups.upload));
    timeout(SOON, said).await.expect("in time").expect("the hub runs");
}

#[tokio::test]
async fn a_backup_is_sent_by_script_and_by_form_and_comes_as_it_was() {
    let hub = Hub::start().await;
    for content_type in [FILE, "application/vnd.sqlite3"] {
        let sent = by_script(&hub, Role::Admin, content_type, &file()).await;
        assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.text);
        assert_eq!(
            (sent.header("location"), &sent.json()["name"]),
            (&*format!("{API}/{BACKUP}"), &BACKUP.into())
        );
    }
    let own = format!("http://{}", hub.address);
    let sent = by_form(&hub, &own, &form(&file())).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(
        sent.header("location"),
        format!("/store/restore/{BACKUP}"),
        "it shows what restoring would do"
    );
    let by = |name: &str| (name.to_owned(), file().len());
    assert_eq!(taken(&hub), [by("ada (token backup)"), by("ada (token backup)"), by("ada")]);
    let files = hub.fake.uploads.lock().expect("no panic").clone();
    assert!(files.iter().all(|(_, sent)| sent == file().as_bytes()), "byte for byte");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_no_backup_is_refused_in_words_on_the_page_too() {
    let hub = Hub::start().await;
    let own = format!("http://{}", hub.address);
    let refused = by_script(&hub, Role::Admin, FILE, "a picture").await;
    let error = &refused.json()["error"];
    assert_eq!((refused.status, &error["name"]), (StatusCode::UNPROCESSABLE_ENTITY, &"no-upload".into()));
    assert!(error["advice"].as_str().unwrap().contains("iot-server backup"), "{error}");
    let page = hub.get("/store").await.text;
    assert!(page.contains("id=\"not-taken\"") && page.contains("was not made by a hub"), "{page}");
    let refused = by_form(&hub, &own, &form("a picture")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for (content_type, path, body, status) in [
        ("application/json", API, file(), 415),
        ("multipart/form-data; boundary=edge", API, form(&file()), 415),
        ("application/x-www-form-urlencoded", "/store/upload", "backup=hub.db".into(), 415),
        ("multipart/form-data", "/store/upload", form(&file()), 415),
        ("multipart/form-data; boundary=other", "/store/upload", form(&file()), 400),
        ("multipart/form-data; boundary=edge", "/store/upload", form(&file()).replace("backup", "b"), 400),
        ("multipart/form-data; boundary=edge", "/store/upload", form(&file()).replace("--edge--", ""), 400),
    ] {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        let answer = hub.send(request.header(header::ORIGIN, &own), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type} to {path}: {}", answer.text);
    }
    assert!(taken(&hub).is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn one_that_is_too_long_is_refused_before_it_comes_or_once_too_much_has_come() {
    let hub = Hub::start().await;
    let mut stream = begun(&hub, 4_000_000_000).await;
    stream.shutdown().await.unwrap();
    let answer = all_that_comes(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("max_upload_mib"), "{answer}");

    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST {API} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: {FILE}\r\n\
         transfer-encoding: chunked\r\n\r\n",
        hub.address,
        hub.token(Role::Admin)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1_000_000, "x".repeat(1_000_000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = all_that_comes(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(taken(&hub).is_empty());
    let page = hub.get("/store").await.text;
    assert!(page.contains("exceeds the limit of 3000000 bytes"), "{page}");
    let other = hub.json("/api/v1/backup", &" ".repeat(70_000)).await;
    assert_eq!(other.status, StatusCode::PAYLOAD_TOO_LARGE, "other bodies are as short as before");
    hub.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_leave_to_send_is_refused_without_it() {
    let hub = Hub::start().await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST {API} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: {FILE}\r\n\
         expect: 100-continue\r\ncontent-length: 4000000000\r\n\r\n",
        hub.address,
        hub.token(Role::Admin)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = all_that_comes(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "it is not told to go on: {answer}");
    hub.stop().await;
}

#[tokio::test]
async fn one_that_is_cut_off_in_the_middle_leaves_nothing_and_the_next_one_is_taken() {
    let hub = Hub::start().await;
    let mut stream = begun(&hub, file().len()).await;
    stream.write_all(&file().as_bytes()[..500_000]).await.unwrap();
    until(&hub, |upload| upload.under_way.is_some()).await;
    drop(stream);
    until(&hub, |upload| upload.under_way.is_none()).await;
    assert!(taken(&hub).is_empty());
    assert!(hub.get("/store").await.text.contains("was cut off after"));
    let sent = by_script(&hub, Role::Admin, FILE, &file()).await;
    assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.text);
    hub.stop().await;
}

#[tokio::test]
async fn one_that_moves_is_waited_for_and_one_that_does_not_is_ended() {
    let hub = Hub::start_with(WebConfig { body_within: BRIEF, ..WebConfig::default() }).await;
    let length = 12 * UPLOAD_PIECE;
    let file = GOOD.to_owned() + &"x".repeat(length - GOOD.len());
    let mut moving = begun(&hub, length).await;
    let (begin, mut ticks) = (tokio::time::Instant::now(), tokio::time::interval(BRIEF / 3));
    for piece in file.as_bytes().chunks(UPLOAD_PIECE) {
        ticks.tick().await;
        moving.write_all(piece).await.unwrap();
    }
    until(&hub, |upload| upload.under_way.is_none()).await;
    assert!(begin.elapsed() > 3 * BRIEF, "it took longer than any other body may");
    assert_eq!(taken(&hub), [("ada (token backup)".to_owned(), length)]);

    let mut stalled = begun(&hub, length).await;
    stalled.write_all(&file.as_bytes()[..UPLOAD_PIECE + 7]).await.unwrap();
    let answer = all_that_comes(&mut stalled).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("64 KiB"), "{answer}");
    until(&hub, |upload| upload.under_way.is_none()).await;
    assert_eq!(taken(&hub).len(), 1);
    hub.stop().await;
}

#[tokio::test]
async fn one_is_sent_at_a_time_and_everybody_else_is_served_meanwhile() {
    let hub = Hub::start().await;
    let mut first = begun(&hub, file().len()).await;
    first.write_all(&file().as_bytes()[..500_000]).await.unwrap();
    until(&hub, |upload| upload.under_way.is_some()).await;
    let second = by_script(&hub, Role::Admin, FILE, &file()).await;
    assert_eq!(second.status, StatusCode::CONFLICT, "{}", second.text);
    hub.fake.store.send_modify(|store| store.backups.upload.under_way = Some(Uploading::Coming(Some(40))));
    let page = hub.get("/store").await.text;
    assert!(
        page.contains("id=\"uploading\"") && page.contains("40 %") && !page.contains("id=\"upload\""),
        "{page}"
    );
    let told = hub.get("/api/v1/backup").await.json();
    assert_eq!(
        (&told["upload"]["under_way"]["percent"], &told["upload"]["most_bytes"]),
        (&40.into(), &3_000_000.into())
    );
    first.write_all(&file().as_bytes()[500_000..]).await.unwrap();
    until(&hub, |upload| upload.under_way.is_none()).await;
    assert_eq!(taken(&hub).len(), 1);
    hub.stop().await;
}

#[tokio::test]
async fn only_an_admin_sends_backups_and_only_from_a_page_of_the_hub() {
    let hub = Hub::start().await;
    for role in [Role::Viewer, Role::Operator] {
        let refused = by_script(&hub, role, FILE, &file()[..1_000]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{role:?}");
        let request = Request::post("/store/upload").header(header::COOKIE, hub.cookie(role));
        let request = request.header(header::ORIGIN, format!("http://{}", hub.address));
        let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
        let refused = hub.send(request, &form(GOOD)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let refused = by_form(&hub, "http://evil.example", &form(GOOD)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "another site");
    assert!(taken(&hub).is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn of_whoever_may_not_send_one_nothing_is_read() {
    let hub = Hub::start().await;
    for (who, status) in [(String::new(), "401"), (hub.token(Role::Viewer), "403")] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let head = format!(
            "POST {API} HTTP/1.1\r\nhost: {}\r\norigin: http://{}\r\nauthorization: {who}\r\n\
             content-type: {FILE}\r\ncontent-length: 4000000000\r\n\r\n",
            hub.address, hub.address
        );
        stream.write_all(head.replace("authorization: \r\n", "").as_bytes()).await.unwrap();
        let answer = all_that_comes(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    let uploads = hub.fake.store.borrow().backups.upload.clone();
    assert!(uploads.under_way.is_none() && uploads.refused.is_none());
    hub.stop().await;
}

#[tokio::test]
async fn whoever_fetches_a_backup_stands_in_the_audit() {
    let hub = Hub::start().await;
    assert_eq!(hub.get(&format!("/api/v1/backups/{BACKUP}")).await.status, StatusCode::OK);
    let newest = AuditQuery { limit: 1, ..AuditQuery::default() };
    let entry = hub.fake.people.store.audit(&newest).unwrap().pop().expect("an entry");
    let record = entry.record;
    assert_eq!(
        (record.deed, &*record.by, &*record.after),
        (Deed::Download, "ada", &*format!("the backup {BACKUP}"))
    );
    hub.stop().await;
}
