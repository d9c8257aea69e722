//! The cookie of a login: read, set and taken back.

use http::{HeaderMap, HeaderValue, header};

/// How the cookie is called and whether it travels only encrypted.
#[derive(Clone, Debug)]
pub(crate) struct CookieRule {
    name: String,
    secure: &'static str,
}

/// Whether what is sent is encrypted on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Anyone on the way can read it.
    Plain,
    /// TLS.
    Encrypted,
}

impl CookieRule {
    /// The cookie of a hub on this port: browsers share cookies between the ports of one machine, and two hubs
    /// there would otherwise log each other's people out.
    pub(crate) fn new(port: u16, transport: Transport) -> Self {
        let secure = match transport {
            Transport::Plain => "",
            Transport::Encrypted => "; Secure",
        };
        Self { name: format!("iot-hub-{port}"), secure }
    }

    /// How the cookie is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The secret in the cookie of a request, if it has one.
    pub(crate) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(name, value)| (name.trim() == self.name).then(|| value.trim()))
    }

    /// What gives a browser the cookie. It ends with the browser at the latest; the hub ends it earlier.
    pub(crate) fn set(&self, secret: &str) -> Option<HeaderValue> {
        let Self { name, secure } = self;
        HeaderValue::from_str(&format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}")).ok()
    }

    /// What takes it back.
    pub(crate) fn clear(&self) -> Option<HeaderValue> {
        let Self { name, secure } = self;
        HeaderValue::from_str(&format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&str]) -> Option<String> {
        let headers = cookies.iter().map(|value| (header::COOKIE, value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        CookieRule::new(80, Transport::Plain).read(&headers).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_by_its_whole_name() {
        assert_eq!(read(&["a=1; iot-hub-80=x; b=2"]).as_deref(), Some("x"));
        assert_eq!(read(&["a=1", "iot-hub-80=x"]).as_deref(), Some("x"));
        assert_eq!(read(&["iot-hub-8080=x; xiot-hub-80=y"]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_other_sites_and_under_tls_of_plain_connections() {
        let set = |transport| CookieRule::new(80, transport).set("x").unwrap().to_str().unwrap().to_owned();
        assert_eq!(set(Transport::Plain), "iot-hub-80=x; Path=/; HttpOnly; SameSite=Strict");
        assert!(set(Transport::Encrypted).ends_with("; SameSite=Strict; Secure"));
    }
}
