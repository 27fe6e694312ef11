import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { ended, Shell, userland } from './support.ts'

describeMounts('graphdriver: mounts from a shell', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
    shell.ok('create', 'base', '--from', shell.tar('base.tar', { file: 'below' }))
    shell.ok('create', 'app', '--parent', 'base')
  })
  afterEach(() => {
    shell.line('graphdriver cleanup')
  })

  it('mount leaves the layer mounted, and umount takes it away', () => {
    const path = shell.ok('mount', 'app')
    assert.equal(path, join(shell.root, 'mnt/app'))
    assert.deepEqual(shell.mounted(), [path])
    writeFileSync(join(path, 'new'), 'kept')
    // Again: the same mount.
    assert.deepEqual(shell.json('mount', 'app'), { id: 'app', path, readOnly: false })
    assert.deepEqual(shell.mounted(), [path])
    assert.deepEqual(shell.json('umount', 'app', 'base'), { unmounted: ['app'], notMounted: ['base'] })
    assert.deepEqual(shell.mounted(), [])
    assert.equal(readFileSync(join(shell.root, 'diff/app/new'), 'utf8'), 'kept')
    assert.equal(shell.run(['umount', 'app']).err, 'graphdriver: app was not mounted\n')
  })

  it('mount --read-only gives a view of its own, which umount takes away, too', () => {
    const view = shell.ok('mount', '--read-only', 'app')
    assert.match(view, /\/views\/app\.[0-9a-f]{32}$/)
    assert.equal(readFileSync(join(view, 'file'), 'utf8'), 'below')
    assert.throws(() => writeFileSync(join(view, 'new'), ''), { code: 'EROFS' })
    const base = shell.ok('mount', '-r', 'base')
    assert.equal(shell.mounted().length, 3)
    shell.ok('umount', 'app', 'base')
    assert.deepEqual(shell.mounted(), [])
    assert.equal(existsSync(view) || existsSync(base), false)
    // The kernel has it no longer alive: it can be filled, and removed.
    shell.ok('rm', 'app')
  })

  it('umount is refused while another process holds the layer', async () => {
    const driver = await open({ root: shell.root })
    try {
      await driver.get('app')
      const refused = shell.run(['umount', 'app'])
      assert.equal(refused.code, 1)
      assert.match(refused.err, /^graphdriver: layer "app" is in use: .*\(ERR_LAYER_IN_USE\)\n {2}\S/)
      assert.match(shell.run(['rm', 'app']).err, /ERR_LAYER_IN_USE/)
      assert.equal(shell.mounted().length, 1)
      assert.match(shell.ok('ls'), /app .*mounted/)
      // A mount from a shell joins it, and does not take it over.
      shell.ok('mount', 'app')
      await driver.put('app')
      assert.deepEqual(shell.mounted(), [])
    } finally {
      await driver.close()
    }
  })

  it('a program that uses a mount from a shell takes it over', async () => {
    shell.ok('mount', 'app')
    const driver = await open({ root: shell.root })
    await driver.get('app')
    await driver.close()
    assert.deepEqual(shell.mounted(), [])
  })

  it('umount of what is busy names who, and --detach and --recursive help', () => {
    const path = shell.ok('mount', 'app')
    const busy = shell.line(`cd ${path} && graphdriver umount app`)
    assert.equal(busy.code, 1)
    assert.match(busy.err, /bash.*`graphdriver umount --detach`.*\(ERR_LAYER_BUSY\)/)
    assert.equal(shell.line(`cd ${path} && graphdriver umount --detach app`).code, 0)
    assert.deepEqual(shell.mounted(), [])
    shell.ok('mount', 'app')
    assert.equal(shell.line(`mkdir ${path}/below && mount -t tmpfs below ${path}/below`).code, 0)
    assert.match(shell.run(['umount', 'app']).err, /mounts below it .*umount --recursive/)
    shell.ok('umount', '--recursive', 'app')
    assert.deepEqual(shell.mounted(), [])
  })

  it('umount takes away what it can, and tells of each that it cannot', () => {
    shell.ok('create', 'other', '-p', 'base')
    const path = shell.ok('mount', 'app')
    shell.ok('mount', 'other')
    const { code, err } = shell.line(`cd ${path} && graphdriver umount app nosuch other`)
    assert.equal(code, 1)
    assert.match(
      err,
      /^graphdriver: unmounted: other\ngraphdriver: .*\(ERR_LAYER_BUSY\)\n.*\ngraphdriver: .*\(ERR_LAYER_NOT_FOUND\)\n.*\n$/,
    )
    assert.deepEqual(shell.mounted(), [path])
    shell.ok('umount', 'app')
  })

  it('rm takes a mount away that nobody holds', () => {
    shell.ok('mount', 'app')
    shell.ok('rm', 'app')
    assert.deepEqual(shell.mounted(), [])
  })
})

describeMounts('graphdriver run', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(function () {
    shell = new Shell(directory())
    const tar = userland(shell)
    // It takes a program that needs nothing but itself.
    if (tar === undefined) skip(this, 'there is no static busybox: apt-get install busybox-static')
    shell.ok('create', 'base', '--from', tar)
    shell.ok('create', 'app', '--parent', 'base')
  })

  it('runs in the layer, keeps what is changed, and leaves nothing mounted', () => {
    const said = shell.run(
      ['run', 'app', '--', 'sh', '-c', 'cat; echo seen >/seen; mount -t tmpfs x /dev'],
      'in',
    )
    assert.deepEqual(said, { code: 0, out: 'in', err: '' })
    assert.equal(readFileSync(join(shell.root, 'diff/app/seen'), 'utf8'), 'seen\n')
    assert.deepEqual(shell.mounted(), [])
  })

  it('passes the exit code on, 126, 127 and signals as a shell does', () => {
    assert.equal(shell.run(['run', 'app', '--', 'sh', '-c', 'exit 42']).code, 42)
    assert.equal(shell.run(['run', 'app', '--', 'sh', '-c', 'kill -KILL $$']).code, 137)
    assert.equal(shell.run(['run', 'app', '--', '/nosuch']).code, 127)
    assert.equal(shell.run(['run', 'app', '--', '/dev']).code, 126)
    assert.equal(shell.run(['run', 'nosuch', '--', 'sh']).code, 125)
    assert.equal(shell.run(['run', 'app']).code, 2)
    assert.equal(shell.run(['run', 'app', '--']).code, 2)
    const aside = shell.run(['run', '--json', 'app', '--', 'sh', '-c', 'echo out; exit 3'])
    assert.equal(aside.out, 'out\n')
    assert.deepEqual(JSON.parse(aside.err), { id: 'app', exitCode: 3 })
    assert.deepEqual(shell.mounted(), [])
  })

  it('leaves what was mounted before', () => {
    const path = shell.ok('mount', 'app')
    shell.ok('run', 'app', 'sh', '-c', 'true')
    assert.deepEqual(shell.mounted(), [path])
    shell.ok('run', '--read-only', 'app', '--', 'sh', '-c', 'true')
    assert.deepEqual(shell.mounted(), [path])
    shell.ok('umount', 'app')
  })

  it('--read-only keeps the program from changing the layer', () => {
    const refused = shell.run(['run', '-r', 'app', '--', 'sh', '-c', 'echo >/new'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /Read-only file system/)
    assert.deepEqual(shell.mounted(), [])
  })

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`hands ${signal} on, and gives the layer back`, async () => {
      const child = shell.start(['run', 'app', '--', 'sh', '-c', 'echo up; exec sleep 60'])
      await new Promise((up) => child.stdout!.once('data', up))
      await sleep(50)
      child.kill(signal)
      assert.equal((await ended(child)).code, code)
      assert.deepEqual(shell.mounted(), [])
    })
  }

  it('says what is missing where there is no unshare', () => {
    // Found by its own path as well, so it is hidden there; in a namespace of its own, where it stays hidden.
    const hide = 'for path in $(type -ap unshare); do mount --bind /dev/null $path; done'
    const hidden = shell.line(
      `export -f graphdriver; unshare --mount --propagation private bash -c '${hide}; graphdriver run app -- sh'`,
    )
    assert.equal(hidden.code, 125, hidden.err)
    assert.match(hidden.err, /^graphdriver: .*unshare/)
    assert.deepEqual(shell.mounted(), [])
  })
})
