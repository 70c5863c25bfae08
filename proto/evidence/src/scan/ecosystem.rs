//! Packages as OSV names them, by ecosystem and name (<https://ossf.github.io/osv-schema/#defined-ecosystems>), as package URLs.

use crate::purl::Purl;

/// Returns the package; none of an ecosystem that has no type of package URLs here, and without a name.
///
/// An ecosystem may have a release behind a colon (`Debian:12`), which the version of a package says too.
pub(super) fn purl(ecosystem: &str, name: &str, version: &str) -> Option<Purl> {
    let (ecosystem, _) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    let prefix = match ecosystem {
        "AlmaLinux" => "rpm/almalinux",
        "Alpaquita" => "apk/alpaquita",
        "Alpine" => "apk/alpine",
        "Bitnami" => "bitnami",
        "CRAN" => "cran",
        "Chainguard" => "apk/chainguard",
        "ConanCenter" => "conan",
        "Debian" => "deb/debian",
        "Go" => "golang",
        "Hackage" => "hackage",
        "Hex" => "hex",
        "Maven" => "maven",
        "MinimOS" => "apk/minimos",
        "NuGet" => "nuget",
        "Packagist" => "composer",
        "Pub" => "pub",
        "PyPI" => "pypi",
        "Red Hat" => "rpm/redhat",
        "Rocky Linux" => "rpm/rocky-linux",
        "RubyGems" => "gem",
        "SUSE" => "rpm/suse",
        "SwiftURL" => "swift",
        "Ubuntu" => "deb/ubuntu",
        "Wolfi" => "apk/wolfi",
        "crates.io" => "cargo",
        "npm" => "npm",
        "openEuler" => "rpm/openeuler",
        "openSUSE" => "rpm/opensuse",
        _ => return None,
    };
    if name.is_empty() {
        return None;
    }
    // Maven writes `group:artifact`.
    let path = if ecosystem == "Maven" { name.replacen(':', "/", 1) } else { name.to_owned() };
    let mut text = format!("pkg:{prefix}");
    for segment in path.split('/') {
        text.push('/');
        encode(segment, &mut text);
    }
    if !version.is_empty() {
        // The tag of a module is its version, and begins with a v. Go's own library has a number.
        let is_module = ecosystem == "Go" && !matches!(name, "stdlib" | "toolchain");
        let tag = if is_module && version.starts_with(|c: char| c.is_ascii_digit()) { "v" } else { "" };
        text.push('@');
        encode(&format!("{tag}{version}"), &mut text);
    }
    text.parse().ok()
}

/// Writes what separates parts of a package URL so that it does not.
fn encode(part: &str, to: &mut String) {
    for c in part.chars() {
        match c {
            '%' => to.push_str("%25"),
            '@' => to.push_str("%40"),
            '?' => to.push_str("%3F"),
            '#' => to.push_str("%23"),
            '/' => to.push_str("%2F"),
            c => to.push(c),
        }
    }
}
