import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMounts } from '../namespace.ts'
import { bin, Shell } from './support.ts'

interface Finding {
  check: string
  status: string
  found: string
  reason?: string
  remedy?: string
}

describeMounts('graphdriver doctor', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
  })

  function examine(code = 0, ...words: string[]): { status: string; of: (check: string) => Finding } {
    const done = shell.run(['doctor', '--json', ...words])
    assert.equal(done.code, code, done.err)
    const { status, findings } = JSON.parse(done.out) as { status: string; findings: Finding[] }
    const of = (check: string): Finding => {
      const found = findings.find((one) => one.check === check)
      assert.ok(found, check)
      // Whatever is not ok says why, and what to do.
      if (found.status !== 'ok') assert.ok(found.reason && found.remedy, check)
      return found
    }
    return { status, of }
  }

  it('looks at all that decides, and leaves nothing behind', () => {
    const { of } = examine()
    const checks = [
      ...[
        'kernel',
        'addon',
        'page-size',
        'capabilities',
        'user-namespace',
        'seccomp',
        'filesystems',
        'mounts',
      ],
      ...['driver-aufs', 'driver-overlay', 'driver-vfs', 'xino', 'backing', 'store'],
    ]
    for (const check of checks) of(check)
    assert.match(of('kernel').found, /^Linux \d/)
    assert.match(of('backing').found, /^tmpfs at /)
    assert.match(of('xino').found, /\/run\/graphdriver: .*\/dev\/shm: /)
    assert.match(of('store').found, /^none at /)
    assert.equal(of('driver-vfs').status, 'ok')
    assert.deepEqual(readdirSync(directory()), [])
    assert.match(shell.ok('doctor'), /^(ok|warning) +Kernel +Linux/)
  })

  it('finds corrupt layers, orphans, leftovers and what is mounted', () => {
    for (const id of ['base', 'broken', 'lost']) shell.ok('create', id)
    shell.ok('create', 'app', '-p', 'base')
    shell.ok('mount', 'app')
    assert.equal(examine().of('layers').status, 'ok')
    writeFileSync(join(shell.root, 'layers/broken'), 'nosuch\n')
    shell.line('rm -r store/diff/lost')
    mkdirSync(join(shell.root, 'diff/orphan'))
    mkdirSync(join(shell.root, 'staging/app.0123'))
    mkdirSync(join(shell.root, 'diff/x-removing'))
    writeFileSync(join(shell.root, 'layers/.gone-y'), '')
    const { status, of } = examine(3)
    assert.equal(status, 'error')
    assert.equal(of('layers').status, 'error')
    assert.equal(of('layers').found, '4 layers, corrupt: broken, lost')
    assert.deepEqual([of('orphans').status, of('orphans').found], ['warning', 'orphan'])
    for (const name of ['staging/app.0123', 'diff/x-removing', 'layers/.gone-y']) {
      assert.match(of('leftovers').found, new RegExp(name))
    }
    assert.equal(of('mounted').found, 'app')
    // It looked only.
    assert.deepEqual(readdirSync(join(shell.root, 'staging')), ['app.0123'])
    shell.ok('cleanup', '--orphans')
    assert.equal(examine(3).of('leftovers').found, 'none')
  })

  it('an error is what keeps this store from working', () => {
    shell.ok('create', 'a', '--driver', 'overlay')
    shell.ok('convert', '--to', 'aufs')
    const there = /\taufs$/m.test(readFileSync('/proc/filesystems', 'utf8'))
    const { status, of } = examine(there ? 0 : 3)
    if (!there) assert.equal(status, 'error')
    assert.equal(of('driver-aufs').status, there ? 'ok' : 'error')
  })

  it('tells of a root that cannot be one, in words', () => {
    writeFileSync(join(directory(), 'file'), '')
    const { of } = examine(3, '--root', 'file/store')
    assert.match(of('store').reason ?? '', /ENOTDIR/)
    const full = examine(0, '--root', '/dev/shm/nosuch')
    assert.match(full.of('backing').found, /^tmpfs at \/dev\/shm/)
  })

  it('sees what a process lacks', () => {
    const own = `"${process.execPath}" ${JSON.stringify(bin)}`
    const done = shell.line(`setpriv --bounding-set -sys_admin,-mknod ${own} doctor --json`)
    const { findings } = JSON.parse(done.out) as { findings: Finding[] }
    const of = (check: string): Finding => findings.find((one) => one.check === check)!
    assert.equal(of('capabilities').found, 'without CAP_SYS_ADMIN, CAP_MKNOD')
    assert.equal(of('driver-overlay').status, 'warning')
    const mapped = shell.line(`unshare --user --map-root-user ${own} doctor --json`)
    const nested = JSON.parse(mapped.out) as { findings: Finding[] }
    assert.equal(nested.findings.find(({ check }) => check === 'user-namespace')!.status, 'warning')
  })

  it('explains codes and errnos', () => {
    assert.match(shell.ok('doctor', 'EBUSY'), /^EBUSY \(16\): .*\n.*\n\n\S/)
    assert.equal(shell.ok('doctor', '16'), shell.ok('doctor', 'ebusy'))
    const { code, cause, remedy } = shell.json('doctor', 'ERR_LAYER_BUSY')
    assert.equal(code, 'ERR_LAYER_BUSY')
    assert.ok(cause && remedy)
    assert.match(shell.ok('doctor', 'ENOTTY'), /^ENOTTY \(25\)/)
  })
})
