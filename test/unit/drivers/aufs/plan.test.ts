import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MS_RDONLY, MS_REMOUNT, MOUNT_ATTR_RDONLY } from 'graphdriver/sys'
import type { AufsOptions } from '#lib/drivers/aufs/options.js'
import { MOST_OPTIONS, planAufs } from '#lib/drivers/aufs/plan.js'
import {
  branchesRead,
  classic,
  dataOf,
  features,
  optionCount,
  pathsOf,
  plan,
  stackOf,
  textOf,
  XINO,
} from './stacks.ts'

const PAGE = 4096
const REMOUNTED = (MS_REMOUNT | MS_RDONLY) >>> 0

describe('plan of aufs', () => {
  it('is none for a single directory', () => {
    assert.equal(planAufs(stackOf(['/diff/a']), { readOnly: false }, {}, features, XINO), undefined)
  })

  it('is one call for what fits', () => {
    const made = plan(['/r/diff/c', '/r/diff/b', '/r/diff/a'])
    assert.equal(made.form, 'mount')
    assert.deepEqual(made.steps, [
      {
        call: 'mount',
        type: 'aufs',
        source: 'none',
        flags: 0,
        data: [`br:/r/diff/c=rw:/r/diff/b=ro+wh:/r/diff/a=ro+wh,dio,dirperm1,xino=${XINO}`],
      },
    ])
    assert.deepEqual(made.mounts, [
      {
        type: 'aufs',
        source: 'none',
        options: ['br:/r/diff/c=rw:/r/diff/b=ro+wh:/r/diff/a=ro+wh', 'dio', 'dirperm1', `xino=${XINO}`],
      },
    ])
  })

  it('has no writable branch when it is read-only', () => {
    const made = plan(['/b', '/a'], { readOnly: true })
    assert.deepEqual(dataOf(made), [`br:/b=ro+wh:/a=ro+wh,dio,dirperm1,xino=${XINO}`])
    assert.equal(made.steps[0]?.call === 'mount' && made.steps[0].flags, MS_RDONLY)
    assert.equal(made.mounts[0]?.options[0], 'ro')
  })

  it('spells every option', () => {
    const data = (options: object, xino: string | undefined = XINO): string =>
      dataOf(plan(['/b', '/a'], { options, xino, features: { ...features, dirperm1: false } }))[0]!.replace(
        /^[^,]*,/,
        '',
      )
    assert.equal(data({}), `dio,xino=${XINO}`)
    assert.equal(data({ dio: false }), `xino=${XINO}`)
    assert.equal(data({ dirperm1: true }), `dio,dirperm1,xino=${XINO}`)
    assert.equal(data({ udba: 'none', plink: false }), `dio,udba=none,noplink,xino=${XINO}`)
    const all: AufsOptions = {
      ...{
        udba: 'reval',
        plink: true,
        shwh: true,
        truncXino: true,
        truncXib: false,
        diropq: 'always',
        dirwh: 4,
      },
      ...{ create: 'tdmfs:1:2', cpup: 'bu', warnPerm: false, verbose: true, sum: 'weighted', acl: false },
      ...{ rdcache: 0, rdblk: 0, rdhash: 64 },
    }
    const words =
      'trunc_xino,notrunc_xib,diropq=always,dirwh=4,create=tdmfs:1:2,cpup=bu,nowarn_perm,verbose,wsum,noacl,rdcache=0,rdblk=0,rdhash=64'
    assert.equal(data(all), `dio,udba=reval,${words},xino=${XINO}`)
    const shown = plan(['/b', '/a'], { options: all, readOnly: true })
    assert.deepEqual(dataOf(shown), [
      `br:/b=ro+wh:/a=ro+wh,dio,dirperm1,udba=reval,shwh,${words},xino=${XINO}`,
    ])
    const without = plan(['/b', '/a'], { xino: undefined, options: { dirperm1: false } })
    assert.deepEqual(dataOf(without), ['br:/b=rw:/a=ro+wh,dio,noxino'])
  })

  it('counts every option against the page and the 80 of a call, to the last', () => {
    const options: AufsOptions = { diropq: 'always', dirwh: 4, cpup: 'bu', rdcache: 0, rdblk: 0, rdhash: 64 }
    const own = 3 + 6
    const short = plan(pathsOf(MOST_OPTIONS - own, 6), { options, features: classic })
    assert.equal(short.form, 'mount')
    assert.equal(optionCount(short.steps[0]!), MOST_OPTIONS)
    assert.equal(plan(pathsOf(MOST_OPTIONS - own + 1, 6), { options, features: classic }).form, 'remount')
    const newer = plan(pathsOf(200, 90), { options })
    assert.deepEqual(newer.steps.map(optionCount), [
      MOST_OPTIONS,
      MOST_OPTIONS,
      200 + 1 + own - 2 * MOST_OPTIONS,
    ])
    // A page less one byte is taken, and no byte more.
    const words = 'dio,dirperm1,diropq=always,dirwh=4,cpup=bu,rdcache=0,rdblk=0,rdhash=64'
    const fixed = Buffer.byteLength(`br:=rw:,${words},xino=${XINO}`)
    const pathsFor = (bytes: number): string[] => {
      const lower = pathsOf(38, 90)
      const rest = bytes - fixed - lower.reduce((sum, path) => sum + path.length + '=ro+wh'.length + 1, -1)
      return [`/${'r'.repeat(rest - 1)}`, ...lower]
    }
    const full = plan(pathsFor(PAGE - 1), { options, features: classic })
    assert.deepEqual([full.form, dataOf(full)[0]!.length], ['mount', PAGE - 1])
    assert.equal(plan(pathsFor(PAGE), { options, features: classic }).form, 'remount')
  })

  it('remounts what does not fit, the label at every call, the flag too', () => {
    const paths = pathsOf(120, 90)
    const made = plan(paths, { features: classic, label: 'system_u:object_r:x:s0:c1,c2', readOnly: true })
    assert.equal(made.form, 'remount')
    const calls = dataOf(made)
    assert.ok(calls.length > 2)
    for (const [at, data] of calls.entries()) {
      assert.ok(data.endsWith(',context="system_u:object_r:x:s0:c1,c2"'), data)
      assert.match(data, at === 0 ? /^br:/ : /^append:[^:]+=ro\+wh,(append:|context=)/)
      const step = made.steps[at]
      assert.equal(step?.call === 'mount' && step.flags, at === 0 ? MS_RDONLY : REMOUNTED)
    }
    assert.deepEqual(
      made.mounts.map(({ options }) => options.slice(0, 2)),
      calls.map((data, at) => (at === 0 ? ['ro', data.split(',')[0]] : ['remount', 'ro'])),
    )
    assert.deepEqual(
      made.mounts.map(({ options }) =>
        options.filter((word) => word !== 'ro' && word !== 'remount').join(','),
      ),
      calls,
    )
  })

  it('mounts at one instant what does not fit, where the kernel can', () => {
    const paths = pathsOf(200, 90)
    const { form, steps } = plan(paths, { label: 'a,b' })
    assert.equal(form, 'fsconfig')
    assert.deepEqual(
      steps.map((step) => step.call),
      ['newMount', 'reconfigure', 'reconfigure'],
    )
    const [first, second] = steps
    assert.ok(first?.call === 'newMount' && second?.call === 'reconfigure')
    assert.deepEqual(first.settings.slice(0, 7), [
      { key: 'source', value: 'none' },
      { key: 'dio' },
      { key: 'dirperm1' },
      { key: 'xino', value: XINO },
      { key: 'context', value: 'a,b' },
      { key: 'append', value: `${String(paths[0])}=rw` },
      { key: 'append', value: `${String(paths[1])}=ro+wh` },
    ])
    assert.equal(first.settings.length, MOST_OPTIONS)
    assert.deepEqual(second.settings[0], { key: 'context', value: 'a,b' })
    assert.equal(second.settings.length, MOST_OPTIONS)
    assert.deepEqual(branchesRead({ steps }), [
      `${String(paths[0])}=rw`,
      ...paths.slice(1).map((path) => `${path}=ro+wh`),
    ])
  })

  it('is read-only in the newer form, too', () => {
    const [first] = plan(pathsOf(100, 90), { readOnly: true }).steps
    assert.ok(first?.call === 'newMount')
    assert.equal(first.attributes, MOUNT_ATTR_RDONLY)
    assert.deepEqual(first.settings[1], { key: 'ro' })
  })

  it('takes a branch of 255 bytes as a setting, and remounts for one of 256', () => {
    for (const [length, form] of [
      [249, 'fsconfig'],
      [250, 'remount'],
    ] as const) {
      assert.equal(plan(pathsOf(100, length)).form, form)
    }
  })

  it('takes the form that was asked for', () => {
    const small = ['/b', '/a']
    assert.equal(plan(small, { options: { form: 'fsconfig' } }).form, 'fsconfig')
    assert.equal(plan(small, { options: { form: 'remount' } }).form, 'mount')
    assert.equal(plan(pathsOf(100, 90), { options: { form: 'mount' } }).form, 'remount')
  })

  it('refuses a root so deep that not even one branch fits', () => {
    assert.throws(() => plan(pathsOf(2, 4090)), { code: 'ERR_DRIVER_PREREQUISITE' })
  })

  it('does not describe a mount that the options cannot carry', () => {
    for (const bad of [',', ':', '=', '\n', '\x7f']) {
      const made = plan([`/r${bad}/b`, '/a'])
      assert.throws(() => made.mounts, { code: 'ERR_DRIVER_PREREQUISITE' })
    }
  })
})

describe('size of a call of aufs', () => {
  const counts = [2, 39, 40, 41, 79, 80, 81, 126, 500]

  /** Whatever the kernel reads of each call, nothing is lost, nothing is too much, and no call is smaller than it need be. */
  function judge(paths: readonly string[], given: Parameters<typeof plan>[1]): void {
    const made = plan(paths, given)
    const wanted = paths.map((path, at) => `${path}=${at === 0 && !given?.readOnly ? 'rw' : 'ro+wh'}`)
    assert.deepEqual(branchesRead(made), wanted)
    for (const [at, step] of made.steps.entries()) {
      const count = optionCount(step)
      assert.ok(count <= MOST_OPTIONS, `${String(count)} options`)
      if (step.call !== 'mount') continue
      const data = textOf(step)
      assert.ok(Buffer.byteLength(data) < PAGE, `${String(data.length)} bytes`)
      const next = made.steps[at + 1]
      if (next === undefined) continue
      // The next branch would not have fitted: `:` or `,append:`, the path, the permission.
      const path = branchesRead({ steps: [next] })[0]!
      const more = Buffer.byteLength(path) + (at === 0 ? 1 : ',append:'.length)
      assert.ok(count === MOST_OPTIONS || Buffer.byteLength(data) + more >= PAGE, 'a call is not filled')
    }
  }

  for (const count of counts) {
    it(`${String(count)} branches of 12, 40, 90 and 240 bytes, with and without a label`, () => {
      for (const length of [12, 40, 90, 240]) {
        for (const given of [
          { features: classic },
          { features },
          { features: classic, label: 'l'.repeat(200) },
        ]) {
          judge(pathsOf(count, length), given)
        }
      }
    })
  }

  it('80 options are met before the page where paths are short', () => {
    // 3 options beside the branches.
    assert.equal(plan(pathsOf(77, 10)).form, 'mount')
    assert.equal(plan(pathsOf(78, 10)).form, 'fsconfig')
    const made = plan(pathsOf(300, 10), { features: classic })
    assert.deepEqual(made.steps.map(optionCount), [80, 80, 80, 63])
  })

  it('the page is met before 80 options where paths are as long as those of Docker', () => {
    const docker = (at: number): string => `/var/lib/docker/aufs/diff/${String(at).padStart(64, '0')}`
    const paths = Array.from({ length: 126 }, (_, at) => docker(at))
    const made = plan(paths, { features: classic })
    assert.deepEqual(made.steps.map(optionCount), [41 + 3, 39, 39, 7])
    judge(paths, { features: classic })
  })

  it('wherever the page ends: in a path, in =ro+wh, on the separator, on the last byte', () => {
    const fixed = `br:,dio,dirperm1,xino=${XINO}`.length
    const seen = new Set<string>()
    for (let length = 60; length < 180; length++) {
      const paths = pathsOf(120, length)
      judge(paths, { features: classic })
      // Where one long string would have been cut.
      const list = paths.map((path, at) => `${path}=${at === 0 ? 'rw' : 'ro+wh'}`).join(':')
      const cut = PAGE - 1 - (fixed - `,dio,dirperm1,xino=${XINO}`.length)
      const rest = list.slice(cut)
      seen.add(rest.startsWith(':') ? 'separator' : /^\/?[p\d]*\d=ro/.test(rest) ? 'path' : 'permission')
    }
    assert.deepEqual([...seen].sort(), ['path', 'permission', 'separator'])
  })

  it('4095 bytes are one call, 4096 are not', () => {
    const list = (last: number): string[] => [...pathsOf(30, 100), `/${'x'.repeat(last - 1)}`]
    const bytes = (last: number): number => dataOf(plan(list(last), { features: classic }))[0]!.length
    const fits = PAGE - 1 - bytes(200) + 200
    assert.equal(bytes(fits), PAGE - 1)
    assert.equal(plan(list(fits), { features: classic }).form, 'mount')
    const over = plan(list(fits + 1), { features: classic })
    assert.equal(over.form, 'remount')
    assert.deepEqual(dataOf(over)[1], `append:/${'x'.repeat(fits)}=ro+wh`)
  })

  it('counts bytes, not characters', () => {
    const paths = Array.from({ length: 60 }, (_, at) => `/${String(at)}${'é'.repeat(40)}`)
    judge(paths, { features: classic })
  })

  it('holds for any paths, options and labels', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', 'Z', '0', '-', 'é', '\\', ' '),
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 200 }),
        fc.record({
          readOnly: fc.boolean(),
          features: fc.constantFrom(features, classic),
          xino: fc.constantFrom(XINO, undefined),
          options: fc.record({ dio: fc.boolean(), plink: fc.boolean() }),
        }),
        fc.option(fc.string({ unit: fc.constantFrom('l', ':', 'é', ','), minLength: 1, maxLength: 300 })),
        (names, given, label) => {
          const paths = names.map((each) => `/${each}`)
          // Quotes around a label with commas are for SELinux, which takes it out before aufs reads the rest.
          const plain = label?.replaceAll(',', '.').replaceAll(':', '.')
          judge(paths, plain === undefined ? given : { ...given, label: plain })
        },
      ),
      { numRuns: 200 },
    )
  })
})
