//! Where STS is: region, endpoint, FIPS and dual-stack, certificates and proxy.
//!
//! Owns the rules between them. The proxy is resolved here, so that no client reads the environment behind the
//! configuration. It opens no file and no connection.

use super::environment::{Given, Sources};
use super::error::Error;
use super::file::Document;
use super::{parsed, setting};
use crate::assume::{AttemptTimeout, Profile, Step};
use crate::role::{Region, Server};
use crate::sts::{Endpoint, Proxy, REGION_OF_CUSTOM_ENDPOINTS, Settings};
use crate::url;

/// The endpoints of one's own.
pub(super) struct Endpoints {
    sts: Option<Endpoint>,
    cognito: Option<Endpoint>,
}

/// Whose servers the endpoints lead to; what names may look like depends on it.
#[derive(Clone, Copy)]
pub(super) struct Servers {
    pub(super) sts: Server,
    pub(super) cognito: Server,
}

impl Endpoints {
    pub(super) fn read(sources: &Sources<'_>, document: &Document) -> Result<Self, Error> {
        let allow_insecure = sources.value(&setting::ALLOW_INSECURE_STS, document)?;
        let allow_insecure = parsed(allow_insecure.as_ref(), Given::boolean)?.unwrap_or(false);
        let endpoint = |given: Option<Given>| {
            parsed(given.as_ref(), |given| {
                given.url(|text| Endpoint::parse(text, allow_insecure))
            })
        };
        Ok(Self {
            sts: endpoint(sources.value(&setting::STS_ENDPOINT, document)?)?,
            cognito: endpoint(sources.variable(setting::COGNITO_ENDPOINT.names)?)?,
        })
    }

    pub(super) fn servers(&self) -> Servers {
        Servers {
            sts: Endpoint::server(self.sts.as_ref()),
            cognito: Endpoint::server(self.cognito.as_ref()),
        }
    }
}

pub(super) fn settings(
    sources: &Sources<'_>,
    document: &Document,
    endpoints: Endpoints,
    profiles: &[Profile],
    warnings: &mut Vec<String>,
) -> Result<Settings, Error> {
    let value = |setting| sources.value(setting, document);
    let Endpoints {
        sts: endpoint,
        cognito: cognito_endpoint,
    } = endpoints;
    let region = parsed(value(&setting::REGION)?.as_ref(), |given| {
        given.parse(|text| Region::parse_at(Endpoint::server(endpoint.as_ref()), text))
    })?;
    let region = match (&endpoint, region) {
        // An interface endpoint of a VPC: AWS takes signatures for its own region only.
        (Some(endpoint), None) if endpoint.is_aws() && profiles.iter().any(is_signed) => {
            let advice = "not set, and AWS takes signed requests for the endpoint's own region only: set --region \
                          (AWS_REGION)";
            return Err(Error::setting("region", advice));
        }
        (Some(_), None) if profiles.iter().any(is_signed) => {
            warnings.push(format!(
                "no region is set: requests to the STS endpoint are signed for {REGION_OF_CUSTOM_ENDPOINTS}; set --region (AWS_REGION)"
            ));
            Some(Region::parse(REGION_OF_CUSTOM_ENDPOINTS).expect("the constant is a region"))
        }
        (None, None) => {
            let advice = "not set, and no STS endpoint either: set --region (AWS_REGION), or --sts-endpoint \
                          (AWS_ENDPOINT_URL_STS) for an STS that is not AWS's";
            return Err(Error::setting("region", advice));
        }
        (_, region) => region,
    };
    let [fips, dualstack] = [
        sources.switch(&setting::USE_FIPS)?,
        sources.switch(&setting::USE_DUALSTACK)?,
    ];
    let timeout = parsed(value(&setting::STS_TIMEOUT)?.as_ref(), |given| {
        given.parse(AttemptTimeout::parse)
    })?;
    let has_mounted_roots = sources.variable(setting::SYSTEM_ROOTS.names)?.is_some();
    let with_pool = profiles
        .iter()
        .flat_map(|profile| &profile.steps)
        .any(|step| matches!(**step, Step::Cognito(_)));
    let variant = fips.as_ref().or(dualstack.as_ref());
    refuse_variant(variant, "STS", endpoint.as_ref())?;
    refuse_variant(
        variant,
        "Cognito",
        cognito_endpoint.as_ref().filter(|_| with_pool),
    )?;
    let ca_bundle = parsed(
        sources.variable(setting::CA_BUNDLE.names)?.as_ref(),
        Given::file,
    )?;
    let is_needed = is_behind_proxy(endpoint.as_ref())
        || (with_pool && is_behind_proxy(cognito_endpoint.as_ref()));
    let proxy = if is_needed { proxy(sources)? } else { None };
    let (fips, dualstack, timeout) = (
        fips.is_some(),
        dualstack.is_some(),
        timeout.unwrap_or_default(),
    );
    Ok(Settings {
        region,
        endpoint,
        cognito_endpoint,
        fips,
        dualstack,
        ca_bundle,
        has_mounted_roots,
        timeout,
        proxy,
    })
}

/// FIPS and dual stack are variants of AWS's own endpoints.
fn refuse_variant(
    variant: Option<&Given>,
    whose: &str,
    own: Option<&Endpoint>,
) -> Result<(), Error> {
    let (Some(given), Some(own)) = (variant, own) else {
        return Ok(());
    };
    let conflict = format!(
        "selects an endpoint of AWS, but the {whose} endpoint is {}: unset one",
        own.url()
    );
    Err(Error::setting(&given.origin, conflict))
}

/// Whether a profile signs requests; a token, an assertion and an identity pool do not.
fn is_signed(profile: &Profile) -> bool {
    let unsigned = |step: &Step| {
        matches!(
            step,
            Step::WebIdentity(_) | Step::Saml(_) | Step::Cognito(_)
        )
    };
    profile.steps.iter().any(|step| !unsigned(step))
}

/// Never for loopback, nor for plain http, which `HTTPS_PROXY` is not about.
fn is_behind_proxy(endpoint: Option<&Endpoint>) -> bool {
    endpoint.is_none_or(|endpoint| !endpoint.is_loopback() && endpoint.is_https())
}

/// The proxy, if there is one.
fn proxy(sources: &Sources<'_>) -> Result<Option<Proxy>, Error> {
    let Some(given) = sources.variable(setting::HTTPS_PROXY.names)? else {
        return Ok(None);
    };
    let url = given.url(url::proxy)?;
    let no_proxy = sources
        .variable(setting::NO_PROXY.names)?
        .map(|given| given.text)
        .unwrap_or_default();
    Ok(Some(Proxy { url, no_proxy }))
}
