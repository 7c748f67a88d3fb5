//! Which words of which library may stand in which file.

use crate::{
    Violation,
    files::File,
    source::{code_only, lines_with, shipped},
};

/// A library that must stay in its place.
#[derive(Debug)]
pub struct Library {
    /// What the rule is about, for the message.
    pub what: &'static str,
    /// Crate names as they are written in code.
    pub names: &'static [&'static str],
    /// Folders (or file names without `.rs`) of a service where they may stand.
    pub places: &'static [&'static str],
    /// Packages, by folder, where they may stand anywhere.
    pub packages: &'static [&'static str],
}

/// Store types never leave `store/`; the crates named here are adapters themselves.
pub const STORE: Library = Library {
    what: "database types stay in store/",
    names: &["sea_orm", "sea_orm_migration", "sqlx"],
    places: &["store", "migrations"],
    packages: &["crates/storage/", "crates/log/", "crates/consumer/"],
};

/// Calls and statuses never leave `grpc/`, but for the crates that carry them.
pub const WIRE: Library = Library {
    what: "gRPC types stay in grpc/",
    names: &["tonic"],
    places: &["grpc", "convert"],
    packages: &["crates/proto/", "crates/rpc/", "crates/runtime/", "crates/telemetry/", "crates/cli/"],
};

/// Encoding stays where contracts are spoken, and where records are stored encoded.
pub const CODEC: Library = Library {
    what: "protobuf stays in grpc/ and the codecs of the log",
    names: &["prost", "prost_types", "tonic_prost"],
    places: &["grpc", "convert", "codec"],
    // The command is a client: what it prints are contract types.
    packages: &["crates/proto/", "crates/rpc/", "crates/log/", "crates/consumer/", "crates/cli/"],
};

/// Macros that stand for code that is not there.
const UNFINISHED: [&str; 4] = ["todo", "unimplemented", "dbg", "unreachable_unchecked"];

/// Files that name the library outside its places.
#[must_use]
pub fn out_of_place(library: &Library, file: &File) -> Vec<Violation> {
    let allowed = file.is_test()
        || library.packages.iter().any(|package| file.path.starts_with(package))
        || library.places.iter().any(|place| file.is_under(place));
    if allowed {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let code = shipped(&code);
    library
        .names
        .iter()
        .flat_map(|name| lines_with(code, name).map(move |line| (line, name)))
        .map(|(line, name)| {
            Violation::new(format!("{}:{line}", file.path), format!("{name}: {}", library.what))
        })
        .collect()
}

/// Macros that stand for missing code, also in tests.
#[must_use]
pub fn unfinished(file: &File) -> Vec<Violation> {
    let code = code_only(&file.text);
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for name in UNFINISHED {
            if lines_with(line, name).next().is_some() && line.contains(&format!("{name}!")) {
                found.push(Violation::new(format!("{}:{}", file.path, index + 1), format!("{name}!")));
            }
        }
    }
    found
}

/// A crate opens with a page for the newcomer.
#[must_use]
pub fn missing_opening(file: &File) -> Option<Violation> {
    let root = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    (root && !file.text.starts_with("//!"))
        .then(|| Violation::new(&file.path, "does not open with a `//!` page"))
}

#[cfg(test)]
mod tests {
    use super::{STORE, WIRE, missing_opening, out_of_place, unfinished};
    use crate::files::File;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_database_type_outside_the_store_is_found() {
        let text = "use sea_orm::Iterable;\n// sqlx\n";
        assert_eq!(out_of_place(&STORE, &file("services/events/src/app.rs", text)).len(), 1);
        for place in ["services/events/src/store/x.rs", "crates/log/src/sql.rs", "services/events/tests/x.rs"]
        {
            assert!(out_of_place(&STORE, &file(place, text)).is_empty(), "{place}");
        }
    }

    #[test]
    fn a_test_module_may_name_anything() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { use sqlx::Row; }\n";
        assert!(out_of_place(&STORE, &file("services/events/src/app.rs", text)).is_empty());
    }

    #[test]
    fn a_wire_type_outside_grpc_is_found() {
        let text = "fn a() -> Result<(), tonic::Status> { Ok(()) }";
        assert_eq!(out_of_place(&WIRE, &file("services/scoring/src/app.rs", text)).len(), 1);
        assert!(out_of_place(&WIRE, &file("services/scoring/src/grpc/rates.rs", text)).is_empty());
    }

    #[test]
    fn missing_code_is_found() {
        let text = "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\n// todo!()\nfn todo() {}";
        assert_eq!(unfinished(&file("a.rs", text)).len(), 2);
    }

    #[test]
    fn a_crate_without_an_opening_is_found() {
        assert!(missing_opening(&file("crates/a/src/lib.rs", "use x;")).is_some());
        assert!(missing_opening(&file("crates/a/src/lib.rs", "//! A page.")).is_none());
        assert!(missing_opening(&file("crates/a/src/other.rs", "use x;")).is_none());
    }
}
