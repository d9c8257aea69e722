//! Rules about packages: who may depend on whom, what stays free of IO, and that all obey the same lints.

use std::collections::BTreeSet;

use super::{
    Finding, Tree,
    tree::{DependencyKind, Package},
};

/// Which crates of this workspace each of them may depend on.
const DIRECTION: &[(&str, &[&str])] = &[
    ("iot-proto", &[]),
    ("iot-core", &["iot-proto"]),
    ("iot-net", &["iot-core", "iot-proto"]),
    ("iot-store", &["iot-core", "iot-proto"]),
    ("iot-web", &["iot-core", "iot-proto"]),
    ("iot-node", &["iot-proto"]),
    ("iot-sim", &["iot-node", "iot-proto"]),
    ("iot-server", &["iot-core", "iot-net", "iot-proto", "iot-sim", "iot-store", "iot-web"]),
    ("xtask", &["iot-proto"]),
];

/// The package of tests that go through several crates, and so see all of them.
const TESTS: &str = "iot-tests";

/// Crates that do no IO, and so run on a chip.
const WITHOUT_IO: &[&str] = &["iot-proto", "iot-core", "iot-node"];

/// Packages that do IO.
const IO: &[&str] =
    &["async-std", "hyper", "hyper-util", "mio", "rusqlite", "socket2", "tokio", "tokio-util"];

/// Dependencies go one way; tests, examples and benches are free.
pub(crate) fn direction(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages().iter().filter(|package| package.name != TESTS) {
        let Some((_, allowed)) = DIRECTION.iter().find(|(name, _)| *name == package.name) else {
            let mend = "add it to the table `DIRECTION` of xtask/src/tidy/dependencies.rs";
            let what = format!("nothing says what {} may depend on", package.name);
            findings.push(Finding::in_file(&package.manifest_path, what, mend));
            continue;
        };
        for name in shipped(package).map(|(name, _)| name) {
            let is_ours = name == TESTS || DIRECTION.iter().any(|(ours, _)| *ours == name);
            if is_ours && !allowed.contains(&name) {
                let mend = "move what is needed to a crate below both, or pass it in as a trait or as data";
                let what = format!("{} depends on {name}, against the direction", package.name);
                findings.push(Finding::in_file(&package.manifest_path, what, mend));
            }
        }
    }
    findings
}

/// What runs on a chip does no IO, unless a feature that is off by itself turns it on.
pub(crate) fn bare_metal(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages().iter().filter(|package| WITHOUT_IO.contains(&package.name.as_str())) {
        let on = on_by_itself(package);
        for (name, optional) in shipped(package).filter(|(name, _)| IO.contains(name)) {
            if !optional || on.contains(name) {
                let mend = "leave it to a crate that does IO, or to a feature that is off by itself";
                let what = format!("{} does no IO, but depends on {name}", package.name);
                findings.push(Finding::in_file(&package.manifest_path, what, mend));
            }
        }
    }
    findings
}

/// All packages obey the lints of the workspace.
pub(crate) fn lints(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.packages().iter().map(|package| package.manifest_path.as_str());
    manifests
        .filter(|path| !obeys_lints_of_workspace(tree.text(path).unwrap_or_default()))
        .map(|path| {
            let mend = "add `[lints]` and below it `workspace = true`";
            Finding::in_file(path, "the package does not obey the lints of the workspace", mend)
        })
        .collect()
}

fn obeys_lints_of_workspace(manifest: &str) -> bool {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    lints.and_then(toml::Value::as_bool) == Some(true)
}

/// What goes into the package or its build script: names, and whether a feature turns each on.
fn shipped(package: &Package) -> impl Iterator<Item = (&str, bool)> {
    let shipped =
        package.dependencies.iter().filter(|dependency| dependency.kind != Some(DependencyKind::Dev));
    shipped.map(|dependency| (dependency.name.as_str(), dependency.optional))
}

/// The features and optional dependencies that are on when nobody asks.
fn on_by_itself(package: &Package) -> BTreeSet<&str> {
    let mut on = BTreeSet::new();
    let mut left = vec!["default"];
    while let Some(name) = left.pop() {
        if on.insert(name) {
            let turned_on = package.features.get(name).into_iter().flatten();
            left.extend(
                turned_on.map(|name| name.trim_start_matches("dep:").split('/').next().unwrap_or(name)),
            );
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::planted;

    fn check(
        rule: fn(&Tree) -> Vec<Finding>,
        name: &str,
        dependencies: &str,
        features: &str,
        expected: &[&str],
    ) {
        let tree = planted::package(&format!(
            r#"{{"name":"{name}","version":"0.1.0","manifest_path":"{name}/Cargo.toml",
                "dependencies":[{dependencies}],"features":{features}}}"#
        ));
        let found: Vec<_> = rule(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let net = r#"{"name":"iot-net","kind":null,"optional":false}"#;
        check(direction, "iot-web", net, "{}", &["iot-web depends on iot-net"]);
        check(direction, "iot-server", net, "{}", &[]);
        check(direction, "iot-tests", net, "{}", &[]);
    }

    #[test]
    fn a_build_script_keeps_the_direction_and_a_test_need_not() {
        let of_kind = |kind: &str| format!(r#"{{"name":"iot-core","kind":"{kind}","optional":false}}"#);
        check(direction, "iot-proto", &of_kind("build"), "{}", &["iot-proto depends on iot-core"]);
        check(direction, "iot-proto", &of_kind("dev"), "{}", &[]);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        check(direction, "iot-extra", "", "{}", &["nothing says what iot-extra may depend on"]);
    }

    #[test]
    fn io_in_a_crate_for_chips_is_found() {
        let tokio = |optional: &str| format!(r#"{{"name":"tokio","kind":null,"optional":{optional}}}"#);
        let off = r#"{"default":[],"std":["dep:tokio"]}"#;
        let on = r#"{"default":["std"],"std":["tokio/net"]}"#;
        check(bare_metal, "iot-node", &tokio("false"), off, &["depends on tokio"]);
        check(bare_metal, "iot-node", &tokio("true"), on, &["depends on tokio"]);
        check(bare_metal, "iot-node", &tokio("true"), off, &[]);
        check(bare_metal, "iot-net", &tokio("false"), off, &[]);
    }

    #[test]
    fn a_package_with_lints_of_its_own_is_found() {
        assert!(obeys_lints_of_workspace("[lints]\nworkspace = true\n"));
        assert!(!obeys_lints_of_workspace("[lints.rust]\nmissing_docs = \"warn\"\n"));
        assert!(!obeys_lints_of_workspace("[package]\nname = \"a\"\n"));
    }

    #[test]
    fn a_package_without_a_manifest_in_the_tree_is_found() {
        check(lints, "iot-core", "", "{}", &["does not obey the lints"]);
    }
}
