//! What the rules see: the files of the repository and the packages of its workspace, read once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

/// The repository as it lies on disk, without what git ignores.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every file, by its path from the root with `/` between.
    paths: BTreeSet<String>,
    /// The content of those that are text.
    texts: BTreeMap<String, String>,
    packages: Vec<Package>,
}

/// A package of the workspace, as cargo describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// The version that is released next, or is released.
    pub(crate) version: String,
    /// Path of its manifest; from the root once it is in a [`Tree`].
    pub(crate) manifest_path: String,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
    /// Its features, each with what it turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// What a package depends on, as cargo describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The other package.
    pub(crate) name: String,
    /// What it is needed for.
    pub(crate) kind: Option<DependencyKind>,
    /// Whether a feature turns it on.
    pub(crate) optional: bool,
}

/// What a dependency that does not go into the package itself is needed for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DependencyKind {
    /// Its tests, examples and benches.
    Dev,
    /// Its build script.
    Build,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Tree {
    /// Reads the repository whose root this is.
    ///
    /// # Errors
    /// When git or cargo cannot describe it, or a file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(root);
        let mut tree = Self::default();
        let listed = cmd!(sh, "git ls-files --cached --others --exclude-standard -z").quiet().read()?;
        for path in listed.split_terminator('\0') {
            let file = root.join(path);
            if !file.is_file() {
                continue; // deleted, and not staged yet
            }
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {path}"))?;
            tree.paths.insert(path.to_owned());
            if let Ok(text) = String::from_utf8(bytes)
                && !text.contains('\0')
            {
                tree.texts.insert(path.to_owned(), text);
            }
        }
        tree.packages = packages(&sh, root)?;
        Ok(tree)
    }

    /// How many files there are.
    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether a file or a directory with a file in it lies there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
    }

    /// The content of a text file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All text files, by path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text files whose names end so.
    pub(crate) fn texts_with_ending(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(ending))
    }

    /// The packages of the workspace.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }
}

fn packages(sh: &Shell, root: &Path) -> Result<Vec<Package>> {
    let json = cmd!(sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
    let Metadata { mut packages } =
        serde_json::from_str(&json).context("cargo metadata is not as expected")?;
    for package in &mut packages {
        let manifest = Path::new(&package.manifest_path);
        let manifest =
            manifest.strip_prefix(root).with_context(|| format!("{} is elsewhere", package.name))?;
        package.manifest_path = manifest.to_string_lossy().replace('\\', "/");
    }
    Ok(packages)
}

#[cfg(test)]
pub(crate) mod planted {
    //! Trees with planted faults, for the tests of the rules.

    use super::*;

    /// A tree of these files, without a package.
    pub(crate) fn files(files: &[(&str, &str)]) -> Tree {
        let texts: BTreeMap<_, _> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Tree { paths: texts.keys().cloned().collect(), texts, packages: Vec::new() }
    }

    /// A tree without a file, and one package as `cargo metadata` would describe it.
    pub(crate) fn package(json: &str) -> Tree {
        Tree { packages: vec![serde_json::from_str(json).unwrap()], ..Tree::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_there_by_their_files() {
        let tree = planted::files(&[("docs/a.md", ""), ("docs-old", "")]);
        assert!(tree.has("docs") && tree.has("docs/a.md") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/b.md"));
    }

    #[test]
    fn this_package_is_in_the_tree_of_this_repository() {
        let tree = Tree::read(crate::exec::repository()).unwrap();
        assert!(tree.text("xtask/src/tidy/tree.rs").is_some());
        let package = tree.packages().iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(package.manifest_path, "xtask/Cargo.toml");
    }
}
