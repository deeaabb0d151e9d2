// A tool by ltijs as its documentation sets it up, on PostgreSQL.
const lti = require('ltijs').Provider;
const Database = require('ltijs-sequelize');

const [port, address, user, password, name, issuer, keys, pem] = process.argv.slice(2);
const [host, databasePort] = address.split(':');
const database = new Database(name, user, password, { host, port: Number(databasePort), dialect: 'postgres', logging: false, pool: { max: 20 } });
lti.setup('a key for the cookies of a benchmark', { plugin: database }, {
  appRoute: '/', loginRoute: '/login', cookies: { secure: false, sameSite: 'Lax' }, tokenMaxAge: 3600,
});
lti.onConnect((token, request, response) => response.send('launched'));
(async () => {
  await lti.deploy({ port: Number(port), silent: true });
  await lti.registerPlatform({
    url: issuer, name: 'platform', clientId: 'client-a',
    authenticationEndpoint: `${issuer}/authorize`, accesstokenEndpoint: `${issuer}/token`,
    authConfig: pem ? { method: 'RSA_KEY', key: pem } : { method: 'JWK_SET', key: keys },
  });
})();
