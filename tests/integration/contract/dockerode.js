// dockerode's own calls against the socket that the first argument names; exits 0 when each did what it should.
'use strict';
const assert = require('node:assert');
const { PassThrough } = require('node:stream');
const Docker = require('dockerode');

const docker = new Docker({ socketPath: process.argv[2] });
const image = 'busybox';

function collected() {
  const stream = new PassThrough();
  stream.text = '';
  stream.on('data', (piece) => { stream.text += piece; });
  return stream;
}

const ended = (stream) => new Promise((resolve, reject) => { stream.on('end', resolve); stream.on('error', reject); });

const tests = {
  async 'run gives output and exit code'() {
    const out = collected(), err = collected();
    const [result, container] = await docker.run(image, ['sh', '-c', 'echo out; echo err >&2; exit 3'], [out, err], { Tty: false });
    assert.strictEqual(result.StatusCode, 3);
    assert.strictEqual(out.text, 'out\n');
    assert.strictEqual(err.text, 'err\n');
    await container.remove();
  },
  async 'attach carries input and its end'() {
    const container = await docker.createContainer({ Image: image, Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const out = collected(), over = ended(stream);
    container.modem.demuxStream(stream, out, out);
    await container.start();
    stream.write('there ');
    stream.end('and back');
    await container.wait();
    await over;
    assert.strictEqual(out.text, 'there and back');
    await container.remove();
  },
  async 'exec runs beside the process'() {
    const container = await docker.createContainer({ Image: image, Cmd: ['sleep', '1000'] });
    await container.start();
    const exec = await container.exec({ Cmd: ['sh', '-c', 'read x; echo got $x; exit 4'], AttachStdin: true, AttachStdout: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const out = collected(), over = ended(stream);
    docker.modem.demuxStream(stream, out, out);
    stream.end('this\n');
    await over;
    assert.strictEqual(out.text, 'got this\n');
    assert.strictEqual((await exec.inspect()).ExitCode, 4);
    const stats = await container.stats({ stream: false });
    assert.ok(stats.cpu_stats);
    assert.ok((await container.top()).Processes.length >= 1);
    await container.remove({ force: true });
  },
  async 'logs, list and inspect'() {
    const container = await docker.createContainer({ Image: image, Cmd: ['echo', 'kept'], name: 'dockerode-logs', Labels: { a: 'b' } });
    await container.start();
    await container.wait();
    assert.ok((await container.logs({ stdout: true })).toString().endsWith('kept\n'));
    const listed = await docker.listContainers({ all: true, filters: { label: ['a=b'] } });
    assert.deepStrictEqual(listed.map((each) => each.Names[0]), ['/dockerode-logs']);
    assert.strictEqual((await container.inspect()).State.ExitCode, 0);
    await container.rename({ name: 'dockerode-renamed' });
    await container.remove();
    await assert.rejects(container.inspect(), (error) => error.statusCode === 404 && /No such container/.test(error.message));
  },
  async 'archives go in and out'() {
    const container = await docker.createContainer({ Image: image, Cmd: ['true'] });
    const stream = await container.getArchive({ path: '/bin/busybox' });
    let size = 0;
    stream.on('data', (piece) => { size += piece.length; });
    await ended(stream);
    assert.ok(size > 100000);
    await container.putArchive(Buffer.alloc(1024), { path: '/tmp' });
    await container.remove();
  },
  async 'networks, volumes and events'() {
    const since = Math.floor(Date.now() / 1000) - 1;
    const network = await docker.createNetwork({ Name: 'dockerode-net' });
    const container = await docker.createContainer({ Image: image, Cmd: ['sleep', '1000'] });
    await network.connect({ Container: container.id });
    await network.disconnect({ Container: container.id });
    await network.remove();
    const volume = await docker.createVolume({ Name: 'dockerode-volume' });
    assert.ok((await docker.listVolumes()).Volumes.some((each) => each.Name === 'dockerode-volume'));
    await docker.getVolume(volume.name || 'dockerode-volume').remove();
    await container.remove();
    const events = collected();
    const stream = await docker.getEvents({ since, until: Math.floor(Date.now() / 1000) + 1 });
    stream.pipe(events);
    await ended(stream);
    const seen = events.text.trim().split('\n').map((line) => JSON.parse(line).Action);
    assert.ok(seen.includes('create') && seen.includes('destroy'));
  },
  async 'images and the system'() {
    assert.strictEqual((await docker.ping()).toString(), 'OK');
    assert.strictEqual((await docker.version()).ApiVersion, '1.51');
    assert.ok((await docker.info()).ServerVersion.startsWith('28.5'));
    await docker.getImage(image).tag({ repo: 'dockerode/busybox', tag: 'new' });
    const listed = await docker.listImages();
    assert.ok(listed.some((each) => each.RepoTags.includes('dockerode/busybox:new')));
    assert.ok((await docker.getImage('dockerode/busybox:new').history()).length >= 1);
    await docker.getImage('dockerode/busybox:new').remove();
    assert.ok((await docker.df()).Images.length >= 1);
  },
};

(async () => {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`ok: ${name}`);
    } catch (error) {
      console.error(`FAILED: ${name}\n${error.stack}`);
      process.exitCode = 1;
    }
  }
})();
