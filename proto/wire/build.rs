//! Generates the gRPC types from the `.proto` files, without a system protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../custody");
    let files = [
        "../custody/v1/types.proto",
        "../custody/v1/recorder.proto",
        "../custody/v1/reader.proto",
        "../custody/v1/query.proto",
    ];
    let descriptors = protox::compile(files, [".."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
