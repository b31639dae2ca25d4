//! pyftpdlib, in the distribution's Python.

use ftpnat::model::ftp::Tls;

use super::netns::Namespace;
use super::server::{Config, Furnished, Server};

/// Starts it and waits until it listens; `more`: lines of Python that set its handler up
/// further.
pub(crate) fn start(
    namespace: &Namespace,
    furnished: Furnished,
    config: &Config,
    more: &str,
) -> Server {
    furnished.write("server.py", &script(&furnished, config, more));
    let mut command = namespace.command("/usr/bin/python3");
    command
        .arg(furnished.at("server.py"))
        .env("PYTHONPATH", super::python_packages())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    furnished.start(namespace, command, "anonymous", config)
}

fn script(furnished: &Furnished, config: &Config, more: &str) -> String {
    let (port, tls) = config.control[0];
    let handler = if tls.offers_tls() {
        "TLS_FTPHandler"
    } else {
        "FTPHandler"
    };
    let required = tls == Tls::Required;
    let range = config.passive.map(|range| {
        format!(
            "handler.passive_ports = range({}, {} + 1)\n",
            range.first(),
            range.last()
        )
    });
    let announced = config
        .advertise
        .map(|address| format!("handler.masquerade_address = '{address}'\n"));
    format!(
        "from pyftpdlib.authorizers import DummyAuthorizer\n\
         from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler\n\
         from pyftpdlib.servers import FTPServer\n\
         class handler({handler}): pass\n\
         handler.authorizer = DummyAuthorizer()\n\
         handler.authorizer.add_anonymous('{home}')\n\
         handler.certfile = '{certificate}'\n\
         handler.tls_control_required = {required}\n\
         handler.tls_data_required = {required}\n\
         {range}{announced}{more}\n\
         FTPServer(('::', {port}), handler).serve_forever()\n",
        home = furnished.at("home"),
        certificate = furnished.at("certificate.pem"),
        required = if required { "True" } else { "False" },
        range = range.unwrap_or_default(),
        announced = announced.unwrap_or_default(),
    )
}
