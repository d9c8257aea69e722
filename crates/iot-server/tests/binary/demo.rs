//! The demonstration restores too, where it keeps anything: it starts again on the backup in the same process, and its
//! nodes come back.

use serde_json::json;

use crate::owned::{Owned, until};

/// Nodes of the demonstration, some of which keep their session.
const NODES: &str = "4";

#[test]
fn a_demonstration_that_keeps_anything_starts_again_on_a_backup_of_its_list() {
    let mut hub = Owned::start("", &["demo", "--store", "disk", "--nodes", NODES]);
    until("nodes have come", || (hub.online() > 1).then_some(()));
    hub.backup(&json!({}));
    let location = hub.get("/backup")["backups"][0]["location"].clone();
    let location = location.as_str().expect("its place");
    let path = format!("{}/restore", location.trim_start_matches("/api/v1"));
    assert_eq!(hub.post(&path, &json!({})).0, 202);
    let restored = until("it has started again", || {
        // Who did it stands in the store that was restored alone.
        hub.try_get("/audit?deed=restore")?["audit"].get(0).cloned()
    });
    assert_eq!(restored["by"], "ada (token suite)");
    until("its nodes are back", || {
        let online = hub.try_get("/overview")?["presence"]["online"].as_u64()?;
        (online > 1).then_some(())
    });
    assert!(hub.is_running(), "in the same process");
}
