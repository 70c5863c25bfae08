//! Generates the gRPC types from the `.proto` files, without a system protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../custody");
    let files = [
        "../custody/v1/types.proto",
        "../custody/v1/recorder.proto",
        "../custody/v1/reader.proto",
        "../custody/v1/query.proto",
    ];
    let mut compiler = protox::Compiler::new([".."])?;
    compiler.include_imports(true).open_files(files)?;
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;
    let descriptors = compiler.file_descriptor_set();
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
