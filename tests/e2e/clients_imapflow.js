// A session of imapflow: argv is port, certificate, user, password. Prints JSON, or throws.
'use strict';
const assert = require('assert');
const fs = require('fs');
const { ImapFlow } = require('imapflow');

const [port, cert, user, pass] = process.argv.slice(2);

function client() {
	return new ImapFlow({
		host: 'localhost', port: Number(port), secure: true, auth: { user, pass }, logger: false,
		tls: { ca: fs.readFileSync(cert) }, clientInfo: { name: 'test' },
	});
}

function message(subject, body) {
	return Buffer.from(`From: "A. B." <alice@example.org>\r\nTo: demo@example.org\r\nSubject: ${subject}\r\n` +
		`Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n` +
		`\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n--b\r\n` +
		`Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n` +
		`Content-Disposition: attachment; filename=x.bin\r\n\r\nAAECAwQ=\r\n--b--\r\n`);
}

function event(emitter, name, seconds) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no ${name} within ${seconds} s`)), seconds * 1000);
		emitter.once(name, value => {
			clearTimeout(timer);
			resolve(value);
		});
	});
}

async function stream(readable) {
	const parts = [];
	for await (const part of readable)
		parts.push(part);
	return Buffer.concat(parts);
}

async function main() {
	const c = client();
	await c.connect();
	await c.mailboxCreate('Work/日本語');
	const names = (await c.list()).map(box => box.path);
	assert(names.includes('INBOX') && names.includes('Work/日本語'), names.join());

	for (let i = 1; i <= 3; i++) {
		const r = await c.append('INBOX', message(`number ${i}`, `body ${i} ünï`), i === 2 ? ['\\Seen'] : [], new Date(0));
		assert.strictEqual(r.uid, i);
	}
	await c.mailboxOpen('INBOX');
	assert.strictEqual(c.mailbox.exists, 3);

	assert.deepStrictEqual(await c.search({ subject: 'NUMBER 2' }, { uid: true }), [2]);
	assert.deepStrictEqual(await c.search({ body: 'ünï', seen: false }, { uid: true }), [1, 3]);

	const one = await c.fetchOne('2', { uid: true, envelope: true, bodyStructure: true, flags: true, size: true,
		internalDate: true, source: true }, { uid: true });
	assert.strictEqual(one.envelope.subject, 'number 2');
	assert.strictEqual(one.envelope.from[0].address, 'alice@example.org');
	assert.strictEqual(one.internalDate.getTime(), 0);
	assert.strictEqual(one.size, one.source.length);
	assert(one.source.equals(message('number 2', 'body 2 ünï')));
	assert(one.flags.has('\\Seen'));
	assert.strictEqual(one.bodyStructure.childNodes[1].disposition, 'attachment');
	const file = await c.download('2', '2', { uid: true });
	assert((await stream(file.content)).equals(Buffer.from([0, 1, 2, 3, 4])));

	// another client appends, flags and removes while this one idles
	const other = client();
	await other.connect();
	let pushed = event(c, 'exists', 30);
	const idling = c.idle();
	await new Promise(resolve => setTimeout(resolve, 300));
	await other.append('INBOX', message('pushed', 'news'));
	assert.strictEqual((await pushed).count, 4);
	pushed = event(c, 'flags', 30);
	await other.mailboxOpen('INBOX');
	await other.messageFlagsAdd('1', ['\\Flagged'], { uid: true });
	const flags = await pushed;
	assert.strictEqual(flags.seq, 1);
	assert(flags.flags.has('\\Flagged'));
	pushed = event(c, 'expunge', 30);
	await other.messageDelete('3', { uid: true });
	assert.strictEqual((await pushed).seq, 3);
	await c.noop();
	await idling;

	const moved = await c.messageMove('1:2', 'Work/日本語', { uid: true });
	assert.deepStrictEqual([...moved.uidMap], [[1, 1], [2, 2]]);
	const status = await c.status('Work/日本語', { messages: true, uidNext: true, unseen: true });
	assert.deepStrictEqual([status.messages, status.uidNext, status.unseen], [2, 3, 1]);
	await c.mailboxOpen('Work/日本語');
	const subjects = [];
	for await (const m of c.fetch('1:*', { envelope: true, flags: true }))
		subjects.push(m.envelope.subject);
	assert.deepStrictEqual(subjects, ['number 1', 'number 2']);
	await c.mailboxClose();
	await c.mailboxRename('Work/日本語', 'Work/Ünter');
	await c.mailboxDelete('Work/Ünter');
	await other.logout();
	await c.logout();
	console.log(JSON.stringify({ ok: true, capabilities: [...c.capabilities.keys()] }));
}

main().catch(e => {
	console.error(e.stack, e.response ? JSON.stringify(e.response) : '');
	process.exit(1);
});
