//! The past, as pages and scripts get it: roll-ups, gaps, and readings as a file.

use http::StatusCode;
use serde_json::json;

use crate::{client::Hub, markup};

const TEMPERATURE: &str = "node=plain:north-bay-1&module=0&channel=temperature";

#[tokio::test]
async fn a_month_is_drawn_from_roll_ups_with_its_gap_and_the_same_stands_in_a_table() {
    let hub = Hub::start().await;
    for (range, days) in [("7d", 7), ("30d", 30), ("1y", 365)] {
        let path = format!("/nodes/plain:north-bay-1/modules/0?r={range}");
        let page = hub.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        markup::check(&path, &page.text);
        assert!(page.text.contains("lowest to highest"), "{range}");
        assert_eq!(page.text.matches("class=\"band-gap\"").count(), 2, "{range}: one gap, and its key");
        assert!(page.text.contains(&format!("over the last {days}")) || days == 365, "{range}");
        assert!(page.text.contains("<th scope=\"col\" class=\"num\">Highest</th>"), "{range}");
    }
}

#[tokio::test]
async fn roll_ups_are_found_by_time_and_resolution() {
    let hub = Hub::start().await;
    let path = format!("/api/v1/rollups?{TEMPERATURE}");
    let hour = 3_600_000;
    let (from, to) = (240 * hour, 242 * hour);
    let answer = hub.get(&format!("{path}&resolution=hour&from={from}&to={to}")).await.json();
    let buckets = answer["buckets"].as_array().unwrap();
    assert_eq!((answer["unit"].as_str(), buckets.len()), (Some("°C"), 2));
    assert_eq!(buckets[0]["start"], json!(from));
    assert!(buckets[0]["min"].as_f64() < buckets[0]["mean"].as_f64());
    assert!(buckets[0]["mean"].as_f64() < buckets[0]["max"].as_f64());
    for (query, why) in [
        ("", "missing field `resolution`"),
        ("&resolution=week", "resolution: unknown variant `week`, expected one of `5min`, `hour`, `day`"),
        ("&resolution=5min&from=0&to=864000000000", "a range has at most 9000 buckets, not 2880000"),
    ] {
        let answer = hub.get(&format!("{path}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text.contains(why), "{}", answer.text);
    }
}

#[tokio::test]
async fn gaps_of_a_node_are_told() {
    let hub = Hub::start().await;
    let answer = hub.get("/api/v1/gaps?node=plain:north-bay-1&from=5&to=9").await.json();
    assert_eq!(answer["gaps"], json!([{ "arrived": 5, "boot": 7, "before": 12, "missing": 3 }]));
    assert_eq!(hub.get("/api/v1/gaps?node=plain:nobody").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn readings_can_be_had_as_a_file() {
    let hub = Hub::start().await;
    let all = hub.get(&format!("/api/v1/readings?{TEMPERATURE}&limit=10000")).await.json();
    let count = all["readings"].as_array().unwrap().len();

    let csv = hub.get(&format!("/api/v1/export?{TEMPERATURE}&format=csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let name = "attachment; filename=\"plain-north-bay-1-0-temperature.csv\"";
    assert_eq!(csv.header("content-disposition"), name);
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines[0], "node,module,channel,measured,arrived,type,value");
    assert_eq!(lines.len(), count + 1);
    assert!(lines[1].starts_with("plain:north-bay-1,0,1,20"), "{}", lines[1]);

    let json = hub.get(&format!("/api/v1/export?{TEMPERATURE}&format=jsonl")).await;
    assert_eq!(json.text.lines().count(), count);

    let nothing = hub.get(&format!("/api/v1/export?{TEMPERATURE}&format=csv&from=0&to=1")).await;
    assert_eq!(nothing.text.lines().collect::<Vec<_>>(), lines[..1], "a file without readings has its names");
    let wrong = hub.get(&format!("/api/v1/export?{TEMPERATURE}&format=xls")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
