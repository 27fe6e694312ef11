// Archives at random, really unpacked beside things that must stay as they are.
import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { mountSync, removeTreeSync, setxattrSync, umount2Sync } from 'graphdriver/sys'
import { unpack } from '#lib/archive/unpack.js'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { LONG, seedOr } from '../../figures.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { seeded } from '../store/support.ts'
import { Grammar, pick, type Random } from './unpack-grammar.ts'
import { compareFacts, factsOf, type Indifferent } from './judges/facts.ts'
import { fingerprint, fitsTmpfs, pieces } from './unpack-support.ts'

const rounds = Number(process.env['ROUNDS'] ?? (LONG ? 1_000_000 : 4000))
const seed = seedOr(20145)

/** Nothing takes so long: who waits longer will wait for ever. */
const patience = 60_000
const forms = (['plain', 'aufs', 'overlay', 'overlay-user'] as const).filter(fitsTmpfs)
/** Directories between the layer and what must stay as it is: as many as names climb, and more. */
const depth = 6

/** Refusals of the archive; and calls that fail for what the archive asks for: errno and call. */
const known = new RegExp(
  '^(|ERR_ARCHIVE_(FORMAT|TRUNCATED|LIMIT|UNSUPPORTED|PATH|LINK|WHITEOUT)' +
    // What the kernel takes for no value of such an attribute, or for none of its names.
    '|(EINVAL|ERANGE|ENODATA|E2BIG|ENOTSUP) setxattr' +
    // Names that are too long where the form has to put something before them, and ways with too many links.
    '|ENAMETOOLONG (openat|openat2|mknodat|linkat|mkdirat|symlinkat|statx)|ELOOP openat2)$',
)

/** A place of its own for one lane: what is beside the layer, and the way down to it. */
class Place {
  readonly top: string
  readonly layer: string
  readonly #sentinels: string[] = []
  readonly #before: string
  readonly #contents: unknown[]

  constructor(top: string) {
    this.top = top
    for (const name of ['outside', 'layer-evil', 'a', 's']) this.#plant(join(top, name))
    let way = top
    for (let level = 0; level < depth; level++) mkdirSync((way = join(way, 'd')))
    for (const name of ['outside', 'a']) this.#plant(join(way, name))
    this.layer = join(way, 'layer')
    mkdirSync(this.layer)
    this.#collect(top)
    this.#before = this.#state()
    this.#contents = this.contents()
  }

  #plant(path: string): void {
    mkdirSync(join(path, 'd'), { recursive: true })
    writeFileSync(join(path, 'secret'), 'secret', { mode: 0o640 })
    writeFileSync(join(path, 'd/hello'), 'hello', { mode: 0o600 })
    symlinkSync('secret', join(path, 'link'))
    linkSync(join(path, 'secret'), join(path, 'd/second'))
    setxattrSync(join(path, 'd'), 'trusted.sentinel', Buffer.from('1'))
    chmodSync(join(path, 'd'), 0o711)
    lutimesSync(join(path, 'link'), 1, 1)
  }

  #collect(path: string): void {
    if (path === this.layer) return
    this.#sentinels.push(path)
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) this.#collect(join(path, name))
  }

  /** Of everything: when its inode was changed last, which nobody can set back, and how many names it has. */
  #state(): string {
    return this.#sentinels
      .map((path) => {
        const { ino, ctimeNs, nlink } = lstatSync(path, { bigint: true })
        // The layer comes and goes in the last of the directories.
        return path === join(this.layer, '..') ? readdirSync(path).join() : `${ino} ${ctimeNs} ${nlink}`
      })
      .join('\n')
  }

  /** All that can be known of it; slower. */
  contents(): unknown[] {
    return this.#sentinels
      .filter((path) => /\/(outside|layer-evil|a|s)$/.test(path))
      .map((path) => fingerprint(path))
  }

  assertUntouched(what: string): void {
    assert.equal(this.#state(), this.#before, `${what}: something outside was touched`)
  }

  assertSame(): void {
    assert.deepEqual(this.contents(), this.#contents)
  }

  empty(): void {
    removeTreeSync(this.layer)
    mkdirSync(this.layer)
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), patience)
  })
  try {
    return await Promise.race([work, hang])
  } finally {
    clearTimeout(timer)
  }
}

/** How an unpacking ends, in words: the code, and of a system call that failed, its name. */
async function outcome(place: Place, tar: Buffer, form: LayerForm, size: number): Promise<string> {
  try {
    await within(unpack(place.layer, pieces(tar, size), { form }))
    return ''
  } catch (error) {
    const { code, syscall } = error as { code?: string; syscall?: string }
    if (code === undefined) throw error
    return syscall === undefined ? code : `${code} ${syscall}`
  }
}

/** One archive, or two of them into one layer: what the first leaves, the second meets. */
async function attack(place: Place, number: number, ends: Map<string, number>): Promise<void> {
  const random: Random = seeded(seed + number)
  const form = pick(random, forms)
  const grammar = new Grammar(random, place.top, '../'.repeat(depth + 1))
  const tars = Array.from({ length: random() < 0.2 ? 2 : 1 }, () => grammar.archive())
  const size = pick(random, [100_000, 100_000, 512, 700, 33])
  const what = `GRAPHDRIVER_SEED=${seed + number} ROUNDS=1, as ${form}`
  const run = async (pieceSize: number): Promise<string[]> => {
    const codes: string[] = []
    for (const tar of tars) codes.push(await outcome(place, tar, form, pieceSize))
    return codes
  }
  const codes = await run(size)
  place.assertUntouched(what)
  for (const code of codes) {
    assert.match(code, known, `${what}: ${code}`)
    ends.set(code, (ends.get(code) ?? 0) + 1)
  }
  if (number % 8 === 0) {
    // In pieces of another size, at another moment: the same layer, or the same refusal.
    const whole = codes.every((code) => code === '')
    const first = whole ? factsOf(place.layer) : undefined
    place.empty()
    assert.deepEqual(settled(await run(1000)), settled(codes), what)
    place.assertUntouched(what)
    if (first) assert.deepEqual(compareFacts(first, factsOf(place.layer), isOfNow), [], what)
  }
  place.empty()
}

/** Of a directory without an entry: it has the time at which it was made. */
const began = BigInt(Date.now()) * 1_000_000n
const isOfNow: Indifferent = (field, _, { mtime }) =>
  field === 'mtime' && mtime > began - 10n ** 10n && mtime < began + 10n ** 14n

/** The first failure and what was before it: which part of a layer a failure leaves, and so what the next archive meets, is chance. */
function settled(codes: readonly string[]): readonly string[] {
  const failed = codes.findIndex((code) => code !== '')
  return failed < 0 ? codes : codes.slice(0, failed + 1)
}

describeMounts('unpack: archives at random', (top) => {
  it(`${rounds} of them: nothing outside is touched, nothing hangs, nothing is left`, async function () {
    this.timeout(rounds * 20 + patience)
    const ends = new Map<string, number>()
    const places = ['one', 'two'].map((name) => {
      const path = join(top(), name)
      mkdirSync(path)
      mountSync('graphdriver-test', path, 'tmpfs', 0, 'size=32m')
      return new Place(mkdtempSync(join(path, 'place-')))
    })
    let next = 0
    const descriptors = openDescriptors()
    const memory: number[] = []
    const lane = async (place: Place): Promise<void> => {
      for (let number = next++; number < rounds; number = next++) {
        await attack(place, number, ends)
        if (number % Math.ceil(rounds / 10) === 0) memory.push(residentBytes())
      }
    }
    await Promise.all(places.map(lane))
    for (const place of places) {
      place.assertSame()
      umount2Sync(join(place.top, '..'), 0)
    }
    assert.deepEqual(openDescriptors(), descriptors)
    if (rounds < 1000) return
    // The first tenth fills caches.
    const growth = (memory.at(-1)! - memory[1]!) / 1e6
    assert.ok(growth < 128, `${growth} MB more than after the first tenth`)
    const table = [...ends]
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => `${code || 'whole'} ${count}`)
    console.log(`      ${table.join(', ')}; ${growth.toFixed(0)} MB more memory`)
    // Else the archives are too tame, or too wild.
    for (const code of ['', 'FORMAT', 'PATH', 'LINK', 'WHITEOUT', 'TRUNCATED', 'UNSUPPORTED', 'LIMIT']) {
      const count = ends.get(code === '' ? '' : `ERR_ARCHIVE_${code}`) ?? 0
      assert.ok(count > rounds / 1000, `${code}: ${count}`)
    }
  })
})

function residentBytes(): number {
  const pages = readFileSync('/proc/self/statm', 'utf8').split(' ')[1]
  return Number(pages) * 4096
}
