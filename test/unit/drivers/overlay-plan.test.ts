import assert from 'node:assert/strict'
import fc from 'fast-check'
import { splitLowerdirs, splitOptions } from 'graphdriver/mount'
import { MOUNT_ATTR_RDONLY, MS_RDONLY } from 'graphdriver/sys'
import type { MountPlan } from 'graphdriver'
import type { OverlayOptions } from '#lib/drivers/overlay/options.js'
import { MAX_LOWERS, type OverlayFeatures, planOverlay } from '#lib/drivers/overlay/plan.js'
import { idsOf, modern, stackOf } from './stacks.ts'

const writable = { readOnly: false }
const readOnly = { readOnly: true }
const off = 'index=off,metacopy=off,redirect_dir=off'

function plan(
  root: string,
  ids: readonly string[],
  mount: { readOnly: boolean; label?: string } = writable,
  options: OverlayOptions = {},
  features: OverlayFeatures = modern,
  xattrs: 'trusted' | 'user' = 'trusted',
): MountPlan {
  const made = planOverlay(stackOf(root, ids), mount, options, xattrs, features)
  assert.ok(made !== undefined)
  return made
}

/** The data of a plan that is one mount(2) call. */
function dataOf({ steps }: MountPlan): string {
  const [step] = steps
  assert.ok(steps.length === 1 && step?.call === 'mount' && step.data.length === 1)
  assert.equal(typeof step.data[0], 'string')
  return step.data[0] as string
}

/** A root of such a length that the data of a stack of two has so many bytes. */
function rootFor(bytes: number): string {
  const left = bytes - Buffer.byteLength(dataOf(plan('/', ['b', 'a'])))
  // It stands in three paths, and in each a slash comes with it.
  assert.equal(left % 3, 0)
  return `/${'r'.repeat(left / 3 - 1)}`
}

describe('the plan of an overlay', () => {
  it('is none for a single layer: its directory is the view', () => {
    assert.equal(planOverlay(stackOf('/r', ['a']), writable, {}, 'trusted', modern), undefined)
    assert.equal(planOverlay(stackOf('/r', ['a']), readOnly, {}, 'trusted', modern), undefined)
  })

  it('of one lower layer, to the last byte', () => {
    const data = `${off},lowerdir=/r/diff/a,upperdir=/r/diff/b,workdir=/r/work/b`
    assert.deepEqual(plan('/r', ['b', 'a']), {
      form: 'mount',
      type: 'overlay',
      readOnly: false,
      steps: [{ call: 'mount', type: 'overlay', source: 'overlay', flags: 0, data: [data] }],
      mounts: [
        {
          type: 'overlay',
          source: 'overlay',
          options: [
            'index=off',
            'metacopy=off',
            'redirect_dir=off',
            'lowerdir=/r/diff/a',
            'upperdir=/r/diff/b',
            'workdir=/r/work/b',
          ],
        },
      ],
    })
  })

  it('of two lower layers has the nearest first', () => {
    const wanted = `${off},lowerdir=/r/diff/b:/r/diff/a,upperdir=/r/diff/c,workdir=/r/work/c`
    assert.equal(dataOf(plan('/r', ['c', 'b', 'a'])), wanted)
  })

  it('that is read-only has the layer itself as the topmost lower one, and no index', () => {
    const data = 'metacopy=off,redirect_dir=off,lowerdir=/r/diff/c:/r/diff/b:/r/diff/a'
    const made = plan('/r', ['c', 'b', 'a'], readOnly)
    assert.equal(made.readOnly, true)
    assert.deepEqual(made.steps, [
      { call: 'mount', type: 'overlay', source: 'overlay', flags: MS_RDONLY, data: [data] },
    ])
    assert.deepEqual(made.mounts[0]?.options, ['ro', ...data.split(',')])
  })

  const words: [options: OverlayOptions, wanted: string][] = [
    [{ index: true }, 'index=on,metacopy=off,redirect_dir=off'],
    [{ index: false, metacopy: false }, off],
    [{ metacopy: true, redirectDir: 'on' }, 'index=off,metacopy=on,redirect_dir=on'],
    [{ redirectDir: 'follow' }, 'index=off,metacopy=off,redirect_dir=follow'],
    [{ redirectDir: 'nofollow' }, 'index=off,metacopy=off,redirect_dir=nofollow'],
    [{ xino: 'on' }, `${off},xino=on`],
    [{ volatile: true }, `${off},volatile`],
    [{ index: true, nfsExport: true }, 'index=on,metacopy=off,redirect_dir=off,nfs_export=on'],
    [{ uuid: 'null' }, `${off},uuid=null`],
    [
      { metacopy: true, redirectDir: 'on', verity: 'require' },
      'index=off,metacopy=on,redirect_dir=on,verity=require',
    ],
    [{ xino: 'auto', uuid: 'on', volatile: true }, `${off},xino=auto,uuid=on,volatile`],
  ]
  for (const [options, wanted] of words) {
    it(`with ${JSON.stringify(options)} says ${wanted}`, () => {
      const data = dataOf(plan('/r', ['b', 'a'], writable, options))
      assert.equal(data, `${wanted},lowerdir=/r/diff/a,upperdir=/r/diff/b,workdir=/r/work/b`)
    })
  }

  it('that is read-only is never volatile, and has no index', () => {
    const data = dataOf(plan('/r', ['b', 'a'], readOnly, { volatile: true, index: true }))
    assert.equal(data, 'metacopy=off,redirect_dir=off,lowerdir=/r/diff/b:/r/diff/a')
  })

  it('with user.* xattrs says so, and names the only redirect_dir that there is then', () => {
    const data = dataOf(plan('/r', ['b', 'a'], writable, {}, modern, 'user'))
    assert.equal(
      data,
      'index=off,metacopy=off,redirect_dir=nofollow,userxattr,' +
        'lowerdir=/r/diff/a,upperdir=/r/diff/b,workdir=/r/work/b',
    )
    assert.match(dataOf(plan('/r', ['b', 'a'], readOnly, {}, modern, 'user')), /,userxattr,lowerdir=/)
  })

  it('with a label has it between quotes, in which a comma ends nothing', () => {
    const label = 'system_u:object_r:container_file_t:s0:c1,c2'
    const data = dataOf(plan('/r', ['b', 'a'], { readOnly: false, label }))
    assert.equal(data, `${off},context="${label}",lowerdir=/r/diff/a,upperdir=/r/diff/b,workdir=/r/work/b`)
    assert.ok(splitOptions(data).includes(`context="${label}"`))
  })

  it('escapes what separates: colon, comma and backslash below, comma and backslash above', () => {
    const root = String.raw`/a b,c:d\e"é`
    assert.equal(
      dataOf(plan(root, ['c', 'b', 'a'])),
      String.raw`${off},lowerdir=/a b\,c\:d\\e"é/diff/b:/a b\,c\:d\\e"é/diff/a,` +
        String.raw`upperdir=/a b\,c:d\\e"é/diff/c,workdir=/a b\,c:d\\e"é/work/c`,
    )
  })

  it('can be read back, whatever the root is called', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', ',', ':', '\\', ' ', '"', '=', 'é', '/'),
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(name, fc.integer({ min: 2, max: 9 }), fc.boolean(), (root, count, ro) => {
        const stack = stackOf(`/${root}`, idsOf(count))
        // Quotation marks hide commas from whoever splits as mount(8) does.
        fc.pre(!root.includes('"'))
        const found = splitOptions(dataOf(plan(`/${root}`, idsOf(count), { readOnly: ro })))
        const lowers = found.find((word) => word.startsWith('lowerdir='))!.slice('lowerdir='.length)
        const wanted = ro ? [stack.layer.diff, ...stack.lowers] : stack.lowers
        assert.deepEqual(splitLowerdirs(lowers), wanted)
      }),
    )
  })
})

describe('the form of an overlay', () => {
  for (const [bytes, form] of [
    [4094, 'mount'],
    [4095, 'mount'],
    [4096, 'fsconfig'],
    [4097, 'fsconfig'],
  ] as const) {
    it(`of ${String(bytes)} bytes of data, in a page of 4096, is ${form}`, () => {
      // The root's length goes in three times, so the last bytes come from the id.
      const shortest = Buffer.byteLength(dataOf(plan('/', ['b', 'a'])))
      const rest = (bytes - shortest) % 3
      const lower = 'a'.repeat(1 + rest)
      const root = rootFor(bytes - rest)
      const made = plan(root, ['b', lower])
      const words = made.mounts[0]!.options.join(',')
      assert.equal(Buffer.byteLength(words), bytes)
      assert.equal(made.form, form)
      if (form === 'mount') assert.equal(dataOf(made), words)
    })
  }

  it('counts bytes, not characters', () => {
    const root = `/${'é'.repeat(700)}`
    assert.equal(plan(root, ['b', 'a']).form, 'fsconfig')
    assert.equal(plan(`/${'e'.repeat(700)}`, ['b', 'a']).form, 'mount')
  })

  it('knows pages of other sizes', () => {
    const large = { ...modern, pageSize: 65_536 }
    assert.equal(plan('/r', idsOf(500)).form, 'fsconfig')
    assert.equal(plan('/r', idsOf(501), writable, {}, large).form, 'mount')
  })

  const long = `/${'d'.repeat(249)}`
  it('is relative where layers cannot be given one by one', () => {
    const old = { pageSize: 4096, lowerdirPlus: false, layerDescriptors: false }
    assert.equal(plan('/r', ['b', 'a'], writable, {}, old).form, 'mount')
    assert.equal(plan('/r', idsOf(501), writable, {}, old).form, 'relative')
  })

  it('is relative where a path is too long for a string, and descriptors are not taken', () => {
    const middling = { ...modern, layerDescriptors: false }
    assert.equal(plan('/r', idsOf(501), writable, {}, middling).form, 'fsconfig')
    assert.equal(plan(long, idsOf(20), writable, {}, middling).form, 'relative')
    assert.equal(plan(long, idsOf(20), writable, {}, modern).form, 'fsconfig')
  })

  it('counts what escaping adds to the path of the upper directory', () => {
    const middling = { ...modern, layerDescriptors: false }
    const commas = `/${','.repeat(240)}`
    assert.equal(plan(commas, idsOf(20), writable, {}, middling).form, 'relative')
  })

  for (const form of ['mount', 'fsconfig', 'relative'] as const) {
    it(`is ${form} when that is asked for`, () => {
      for (const count of [2, 3, 501]) {
        assert.equal(plan('/r', idsOf(count), writable, { form }).form, form)
      }
    })
  }
})

describe('the plan that gives layers one by one', () => {
  const forced: OverlayOptions = { form: 'fsconfig' }

  it('of two lower layers, to the last byte', () => {
    assert.deepEqual(plan('/r', ['c', 'b', 'a'], writable, { ...forced, volatile: true }).steps, [
      {
        call: 'newMount',
        type: 'overlay',
        attributes: 0,
        settings: [
          { key: 'source', value: 'overlay' },
          { key: 'index', value: 'off' },
          { key: 'metacopy', value: 'off' },
          { key: 'redirect_dir', value: 'off' },
          { key: 'volatile' },
          { key: 'lowerdir+', value: '/r/diff/b' },
          { key: 'lowerdir+', value: '/r/diff/a' },
          { key: 'upperdir', value: '/r/diff/c' },
          { key: 'workdir', value: '/r/work/c' },
        ],
      },
    ])
  })

  it('that is read-only makes both the filesystem and the mount so', () => {
    assert.deepEqual(plan('/r', ['b', 'a'], readOnly, forced).steps, [
      {
        call: 'newMount',
        type: 'overlay',
        attributes: MOUNT_ATTR_RDONLY,
        settings: [
          { key: 'source', value: 'overlay' },
          { key: 'ro' },
          { key: 'metacopy', value: 'off' },
          { key: 'redirect_dir', value: 'off' },
          { key: 'lowerdir+', value: '/r/diff/b' },
          { key: 'lowerdir+', value: '/r/diff/a' },
        ],
      },
    ])
  })

  it('escapes nothing below, and takes the quotes from a label', () => {
    const mount = { readOnly: false, label: 'a:b,c' }
    const [step] = plan(String.raw`/a,b:c\d`, ['b', 'a'], mount, forced).steps
    assert.ok(step?.call === 'newMount')
    assert.deepEqual(step.settings.slice(4), [
      { key: 'context', value: 'a:b,c' },
      { key: 'lowerdir+', value: String.raw`/a,b:c\d/diff/a` },
      { key: 'upperdir', value: String.raw`/a\,b:c\\d/diff/b` },
      { key: 'workdir', value: String.raw`/a\,b:c\\d/work/b` },
    ])
  })

  it('gives a path of 255 bytes as a string, and one of 256 as a descriptor', () => {
    for (const bytes of [255, 256]) {
      const root = `/${'r'.repeat(bytes - '//diff/a'.length)}`
      const [step] = plan(root, ['b', 'a'], writable, forced).steps
      assert.ok(step?.call === 'newMount')
      const [lower, upper, work] = [`${root}/diff/a`, `${root}/diff/b`, `${root}/work/b`]
      assert.equal(lower.length, bytes)
      assert.deepEqual(
        step.settings.slice(4),
        bytes === 255
          ? [
              { key: 'lowerdir+', value: lower },
              { key: 'upperdir', value: upper },
              { key: 'workdir', value: work },
            ]
          : [
              { key: 'lowerdir+', open: lower },
              { key: 'upperdir', open: upper },
              { key: 'workdir', open: work },
            ],
      )
    }
  })

  it(`of ${String(MAX_LOWERS)} layers has a setting for each`, () => {
    const [step] = plan('/r', idsOf(MAX_LOWERS + 1)).steps
    assert.ok(step?.call === 'newMount')
    const lowers = step.settings.filter(({ key }) => key === 'lowerdir+')
    assert.equal(lowers.length, 500)
    assert.deepEqual(lowers[0], { key: 'lowerdir+', value: '/r/diff/l1' })
    assert.deepEqual(lowers.at(-1), { key: 'lowerdir+', value: '/r/diff/l500' })
  })
})

describe('the plan with relative names', () => {
  const forced: OverlayOptions = { form: 'relative' }

  it('names layers as they are called in the directory that holds them all', () => {
    assert.deepEqual(plan('/r', ['c', 'b', 'a'], writable, forced).steps, [
      {
        call: 'mount',
        type: 'overlay',
        source: 'overlay',
        flags: 0,
        directory: '/r/diff',
        data: [`${off},lowerdir=b:a,upperdir=/r/diff/c,workdir=/r/work/c`],
      },
    ])
  })

  it('that is read-only has no directory above', () => {
    assert.deepEqual(plan('/r', ['b', 'a'], readOnly, forced).steps, [
      {
        call: 'mount',
        type: 'overlay',
        source: 'overlay',
        flags: MS_RDONLY,
        directory: '/r/diff',
        data: ['metacopy=off,redirect_dir=off,lowerdir=b:a'],
      },
    ])
  })

  it('names descriptors where even short names do not fit', () => {
    const ids = Array.from({ length: 501 }, (_, at) => `${'x'.repeat(61)}${String(at).padStart(3, '0')}`)
    const [step] = plan('/r', ids, writable, forced).steps
    assert.ok(step?.call === 'mount')
    assert.equal(step.directory, '/proc/self/fd')
    assert.equal(step.data[0], `${off},lowerdir=`)
    assert.deepEqual(step.data.slice(1, 4), [
      { open: `/r/diff/${ids[1]!}` },
      ':',
      { open: `/r/diff/${ids[2]!}` },
    ])
    assert.deepEqual(step.data.slice(-5), [
      { open: `/r/diff/${ids[500]!}` },
      ',upperdir=',
      { open: `/r/diff/${ids[0]!}` },
      ',workdir=',
      { open: `/r/work/${ids[0]!}` },
    ])
    assert.equal(step.data.filter((piece) => typeof piece !== 'string').length, 502)
    // Even with numbers of four digits it is less than a page.
    const length = step.data.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.length : 4), 0)
    assert.ok(length < 4096, String(length))
  })
})
