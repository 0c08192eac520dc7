//! reqwest: `reqwest_client PROXY URL ROUNDS COUNT CA HTTP`; a client for each round.

use anyhow::{Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [proxy, url, rounds, count, ca, _http] = arguments.as_slice() else {
        bail!("reqwest_client PROXY URL ROUNDS COUNT CA HTTP");
    };
    let (rounds, count): (u32, u32) = (rounds.parse()?, count.parse()?);
    // An error says that another provider was there first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(&std::fs::read(ca)?)?;
    for _ in 0..rounds {
        let client = client(proxy, certificate.clone())?;
        for page in 0..count {
            let response = client.get(format!("{url}?{page}")).send().await?;
            response.error_for_status()?.bytes().await?;
        }
    }
    println!(r#"{{"requests":{}}}"#, rounds * count);
    Ok(())
}

fn client(proxy: &str, certificate: reqwest::Certificate) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().tls_certs_only([certificate]);
    let builder = match proxy {
        "none" => builder.no_proxy(),
        proxy => builder.proxy(reqwest::Proxy::all(proxy)?),
    };
    Ok(builder.build()?)
}
