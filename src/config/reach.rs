//! Where STS is: region, endpoint, FIPS and dual-stack, certificates and proxy.
//!
//! Owns the rules between them. The proxy is resolved here, so that no client reads the environment
//! behind the configuration. It opens no file and no connection.

use std::collections::BTreeSet;

use super::environment::{RawValue, Sources};
use super::error::Error;
use super::file::Document;
use super::{parsed, setting};
use crate::assume::{AttemptTimeout, Profile, Service};
use crate::role::{Region, Server};
use crate::sts::{ClientSettings, Endpoint, Proxy, REGION_OF_CUSTOM_ENDPOINTS};
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
    cognito: Server,
}

impl Servers {
    /// Whose server answers a service's operations.
    pub(super) fn of(self, service: Service) -> Server {
        match service {
            Service::Sts => self.sts,
            Service::Cognito => self.cognito,
        }
    }
}

impl Endpoints {
    pub(super) fn read(sources: &Sources<'_>, document: &Document) -> Result<Self, Error> {
        let allow_insecure = sources.value(&setting::ALLOW_INSECURE_STS, document)?;
        let allow_insecure = parsed(allow_insecure.as_ref(), RawValue::boolean)?.unwrap_or(false);
        let endpoint = |given: Option<RawValue>| {
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
) -> Result<ClientSettings, Error> {
    let Endpoints { sts, cognito } = endpoints;
    let timeout = sources.value(&setting::STS_TIMEOUT, document)?;
    let timeout = parsed(timeout.as_ref(), |given| given.parse(AttemptTimeout::parse))?;
    let [fips, dualstack] = [
        sources.switch(&setting::USE_FIPS)?,
        sources.switch(&setting::USE_DUALSTACK)?,
    ];
    let mut settings = ClientSettings {
        region: region(sources, document, sts.as_ref(), profiles, warnings)?,
        endpoint: sts,
        cognito_endpoint: cognito,
        fips: fips.is_some(),
        dualstack: dualstack.is_some(),
        ca_bundle: parsed(
            sources.variable(setting::CA_BUNDLE.names)?.as_ref(),
            RawValue::file,
        )?,
        has_mounted_roots: sources.variable(setting::SYSTEM_ROOTS.names)?.is_some(),
        timeout: timeout.unwrap_or_default(),
        proxy: None,
    };
    let called = called(&settings, profiles);
    for (service, endpoint) in &called {
        refuse_variant(fips.as_ref().or(dualstack.as_ref()), *service, *endpoint)?;
    }
    if called
        .iter()
        .any(|(_, endpoint)| is_behind_proxy(*endpoint))
    {
        settings.proxy = proxy(sources)?;
    }
    Ok(settings)
}

/// The services that are called, each with its endpoint of one's own: STS, and what a profile needs
/// besides.
fn called<'a>(
    settings: &'a ClientSettings,
    profiles: &[Profile],
) -> Vec<(Service, Option<&'a Endpoint>)> {
    let steps = profiles.iter().flat_map(|profile| &profile.steps);
    let services: BTreeSet<Service> = steps
        .map(|step| step.outline().service)
        .chain([Service::Sts])
        .collect();
    services
        .into_iter()
        .map(|service| (service, settings.endpoint_of(service)))
        .collect()
}

/// What requests are signed for.
fn region(
    sources: &Sources<'_>,
    document: &Document,
    endpoint: Option<&Endpoint>,
    profiles: &[Profile],
    warnings: &mut Vec<String>,
) -> Result<Option<Region>, Error> {
    let given = sources.value(&setting::REGION, document)?;
    let region = parsed(given.as_ref(), |given| {
        given.parse(|text| Region::parse_at(Endpoint::server(endpoint), text))
    })?;
    let is_signed = || {
        profiles
            .iter()
            .flat_map(|profile| &profile.steps)
            .any(|step| step.is_signed())
    };
    match (endpoint, region) {
        // An interface endpoint of a VPC: AWS takes signatures for its own region only.
        (Some(endpoint), None) if endpoint.is_aws() && is_signed() => {
            let advice = "not set, and AWS takes signed requests for the endpoint's own region only: set --region \
                          (AWS_REGION)";
            Err(Error::setting("region", advice))
        }
        (Some(_), None) if is_signed() => {
            warnings.push(format!(
                "no region is set: requests to the STS endpoint are signed for {REGION_OF_CUSTOM_ENDPOINTS}; set --region (AWS_REGION)"
            ));
            Ok(Some(
                Region::parse(REGION_OF_CUSTOM_ENDPOINTS).expect("the constant is a region"),
            ))
        }
        (None, None) => {
            let advice = "not set, and no STS endpoint either: set --region (AWS_REGION), or --sts-endpoint \
                          (AWS_ENDPOINT_URL_STS) for an STS that is not AWS's";
            Err(Error::setting("region", advice))
        }
        (_, region) => Ok(region),
    }
}

/// FIPS and dual stack are variants of AWS's own endpoints.
fn refuse_variant(
    variant: Option<&RawValue>,
    service: Service,
    own: Option<&Endpoint>,
) -> Result<(), Error> {
    let (Some(given), Some(own)) = (variant, own) else {
        return Ok(());
    };
    let conflict = format!(
        "selects an endpoint of AWS, but the {service} endpoint is {}: unset one",
        own.url()
    );
    Err(Error::setting(&given.origin, conflict))
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
