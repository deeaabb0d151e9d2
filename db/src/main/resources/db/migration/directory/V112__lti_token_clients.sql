-- One client of one token endpoint belongs to one registration. The tool's key signs for all of them, so a second
-- registration of the same client could ask for the first one's tokens. Computed here, so that every writer is held to it.

-- The origin of an address: lower case, without user, default port or the dot that ends a full name.
create function lti_token_origin(endpoint text) returns text language sql immutable strict parallel safe
return regexp_replace(
    regexp_replace(
        regexp_replace(
            regexp_replace(
                lower(substring(endpoint from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*')),
                '//.*@', '//'),
            ':0+([0-9]+)$', ':\1'),
        '^(https://.*):443$|^(http://.*):80$|^(.*):$', '\1\2\3'),
    '\.(:[0-9]+)?$', '\1');

alter table lti_registration add column token_origin text generated always as (lti_token_origin(token_endpoint)) stored;

-- Where two have it already, it stays with the older one. The younger goes on to launch, without services.
update lti_registration younger set token_endpoint = null
where exists (select from lti_registration older
              where older.token_origin = younger.token_origin and older.client_id = younger.client_id
                and (older.created_at, older.id) < (younger.created_at, younger.id));

create unique index lti_registration_token_client on lti_registration (token_origin, client_id);
