//! What a column may hold, and the headers by which it goes.

use crate::customer::LineKind;
use crate::identity::IdKind;
use crate::text::fold;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The operator's key.
    ExternalId,
    /// `person` or `company`.
    Kind,
    /// Name to show.
    Name,
    /// Given names.
    Given,
    /// Surnames; a second column adds the second one.
    Surnames,
    /// Day of birth.
    Born,
    /// Numbers, several with `;` between.
    Number(LineKind),
    /// E-mail addresses, several with `;` between.
    Email,
    /// An official id; without a kind, recognised by its form.
    Id(Option<IdKind>),
    /// Street and house number.
    Street,
    /// Flat, farm, estate.
    More,
    /// Postal code.
    Postcode,
    /// Town.
    Town,
    /// Province or state.
    Region,
    /// Segment.
    Segment,
    /// Value.
    Value,
    /// Language.
    Language,
    /// Agent.
    Owner,
    /// Flags, several with `;` between.
    Flags,
    /// A field of the operator's own.
    Custom(String),
}

/// Folded headers without a number at the end: `Teléfono 2` is `telefono`.
const HEADERS: &[(&str, Field)] = &[
    ("external id", Field::ExternalId),
    ("id", Field::ExternalId),
    ("customer id", Field::ExternalId),
    ("codigo", Field::ExternalId),
    ("id cliente", Field::ExternalId),
    ("codigo cliente", Field::ExternalId),
    ("kind", Field::Kind),
    ("tipo", Field::Kind),
    ("name", Field::Name),
    ("full name", Field::Name),
    ("cliente", Field::Name),
    ("customer", Field::Name),
    ("razon social", Field::Name),
    ("nombre completo", Field::Name),
    ("nombre", Field::Name),
    ("given name", Field::Given),
    ("first name", Field::Given),
    ("nombre de pila", Field::Given),
    ("surname", Field::Surnames),
    ("surnames", Field::Surnames),
    ("last name", Field::Surnames),
    ("apellido", Field::Surnames),
    ("apellidos", Field::Surnames),
    ("primer apellido", Field::Surnames),
    ("segundo apellido", Field::Surnames),
    ("born", Field::Born),
    ("date of birth", Field::Born),
    ("birth date", Field::Born),
    ("fecha de nacimiento", Field::Born),
    ("nacimiento", Field::Born),
    ("numbers", Field::Number(LineKind::Unknown)),
    ("number", Field::Number(LineKind::Unknown)),
    ("phone", Field::Number(LineKind::Unknown)),
    ("phones", Field::Number(LineKind::Unknown)),
    ("telephone", Field::Number(LineKind::Unknown)),
    ("telefono", Field::Number(LineKind::Unknown)),
    ("telefonos", Field::Number(LineKind::Unknown)),
    ("numero", Field::Number(LineKind::Unknown)),
    ("numeros", Field::Number(LineKind::Unknown)),
    ("mobile", Field::Number(LineKind::Mobile)),
    ("movil", Field::Number(LineKind::Mobile)),
    ("celular", Field::Number(LineKind::Mobile)),
    ("home", Field::Number(LineKind::Home)),
    ("fijo", Field::Number(LineKind::Home)),
    ("work", Field::Number(LineKind::Work)),
    ("trabajo", Field::Number(LineKind::Work)),
    ("fax", Field::Number(LineKind::Fax)),
    ("e mail", Field::Email),
    ("email", Field::Email),
    ("mail", Field::Email),
    ("correo", Field::Email),
    ("correo electronico", Field::Email),
    ("tax id", Field::Id(None)),
    ("nif", Field::Id(None)),
    ("documento", Field::Id(None)),
    ("dni", Field::Id(Some(IdKind::Dni))),
    ("nie", Field::Id(Some(IdKind::Nie))),
    ("cif", Field::Id(Some(IdKind::Cif))),
    ("nit", Field::Id(Some(IdKind::Nit))),
    ("cuit", Field::Id(Some(IdKind::Cuit))),
    ("cuil", Field::Id(Some(IdKind::Cuit))),
    ("rfc", Field::Id(Some(IdKind::Rfc))),
    ("rut", Field::Id(Some(IdKind::Rut))),
    ("passport", Field::Id(Some(IdKind::Other))),
    ("pasaporte", Field::Id(Some(IdKind::Other))),
    ("street", Field::Street),
    ("address", Field::Street),
    ("direccion", Field::Street),
    ("calle", Field::Street),
    ("address more", Field::More),
    ("postcode", Field::Postcode),
    ("zip", Field::Postcode),
    ("codigo postal", Field::Postcode),
    ("cp", Field::Postcode),
    ("town", Field::Town),
    ("city", Field::Town),
    ("ciudad", Field::Town),
    ("poblacion", Field::Town),
    ("localidad", Field::Town),
    ("municipio", Field::Town),
    ("region", Field::Region),
    ("state", Field::Region),
    ("provincia", Field::Region),
    ("segment", Field::Segment),
    ("segmento", Field::Segment),
    ("value", Field::Value),
    ("valor", Field::Value),
    ("language", Field::Language),
    ("idioma", Field::Language),
    ("owner", Field::Owner),
    ("agent", Field::Owner),
    ("agente", Field::Owner),
    ("gestor", Field::Owner),
    ("flags", Field::Flags),
    ("marcas", Field::Flags),
];

impl Field {
    /// What a header of its usual name holds; none: nothing that we know.
    pub fn of_header(header: &str) -> Option<Field> {
        let folded = fold(header);
        let name = folded.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
        HEADERS.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone())
    }

    /// By the name that [`Field::as_str`] gives it, or by a header's; `custom:NAME` for a field of the operator's own.
    pub fn named(name: &str) -> Option<Field> {
        match name.split_once(':') {
            Some(("custom", own)) if !own.trim().is_empty() => Some(Field::Custom(own.trim().to_owned())),
            Some(_) => None,
            None => Field::of_header(name),
        }
    }

    /// The name in messages.
    pub fn as_str(&self) -> &str {
        match self {
            Field::ExternalId => "external_id",
            Field::Kind => "kind",
            Field::Name => "name",
            Field::Given => "given_name",
            Field::Surnames => "surnames",
            Field::Born => "born",
            Field::Number(LineKind::Unknown) => "numbers",
            Field::Number(LineKind::Mobile) => "mobile",
            Field::Number(LineKind::Home) => "home",
            Field::Number(LineKind::Work) => "work",
            Field::Number(LineKind::Fax) => "fax",
            Field::Email => "email",
            Field::Id(None) => "tax_id",
            Field::Id(Some(IdKind::Other)) => "passport",
            Field::Id(Some(kind)) => kind.as_str(),
            Field::Street => "street",
            Field::More => "address_more",
            Field::Postcode => "postcode",
            Field::Town => "town",
            Field::Region => "region",
            Field::Segment => "segment",
            Field::Value => "value",
            Field::Language => "language",
            Field::Owner => "owner",
            Field::Flags => "flags",
            Field::Custom(name) => name,
        }
    }

    /// Several columns may hold it, together.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self, Field::Number(_) | Field::Email | Field::Id(_) | Field::Surnames | Field::Flags)
    }

    /// One bit for each kind of field.
    pub(super) fn bit(&self) -> u32 {
        1 << match self {
            Field::ExternalId => 0,
            Field::Kind => 1,
            Field::Name => 2,
            Field::Given => 3,
            Field::Surnames => 4,
            Field::Born => 5,
            Field::Number(_) => 6,
            Field::Email => 7,
            Field::Id(_) => 8,
            Field::Street => 9,
            Field::More => 10,
            Field::Postcode => 11,
            Field::Town => 12,
            Field::Region => 13,
            Field::Segment => 14,
            Field::Value => 15,
            Field::Language => 16,
            Field::Owner => 17,
            Field::Flags => 18,
            Field::Custom(_) => 19,
        }
    }
}
