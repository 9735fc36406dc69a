//! Looks at the web client's build: the binary is built anew when that changes.

fn main() {
    let dist = "../web/dist";
    // The folder must be there to be watched; it is ignored by git and empty until the client is built.
    if let Err(error) = std::fs::create_dir_all(dist) {
        println!("cargo:warning={dist}: {error}");
    }
    println!("cargo:rerun-if-changed={dist}");
    println!("cargo:rerun-if-changed=assets");
    println!("cargo:rerun-if-changed=build.rs");
}
