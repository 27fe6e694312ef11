import assert from 'node:assert/strict'
import { formatBytes, formatSeconds, printable } from '#lib/cli/format.js'
import { progressLine, ProgressBar, measureTar } from '#lib/cli/progress.js'
import { table, wrap } from '#lib/cli/table.js'
import { paint, terminalOf } from '#lib/cli/terminal.js'
import { cut, widthOf } from '#lib/cli/width.js'
import { containerdJson, fstabLines, mountCommands, shellWord } from '#lib/cli/mount-text.js'

const plain = { columns: Infinity, color: false }

describe('what the command prints', () => {
  it('sizes and times', () => {
    const sizes = [0, 1023, 1024, 1536, 10 * 1024, 1024 * 1024 - 1, 5 * 2 ** 40]
    assert.deepEqual(sizes.map(formatBytes), [
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '10 KiB',
      '1.0 MiB',
      '5.0 TiB',
    ])
    assert.deepEqual([0, 59.6, 61, 7325].map(formatSeconds), ['0 s', '1:00 min', '1:01 min', '2:02:05 h'])
  })

  it('names: nothing in them moves the cursor or ends the line', () => {
    assert.equal(printable('a\nb\t\x1b[31m\\é'), 'a\\nb\\t\\x1b[31m\\\\é')
    assert.equal(printable('?', Buffer.from([0x61, 0xff, 0x0a])), 'a\\xff\\n')
    assert.equal(printable('\u202egnp'), '\\u{202e}gnp')
  })

  it('colours by NO_COLOR, FORCE_COLOR and TERM', () => {
    const color = (isTTY: boolean, env: Record<string, string>): boolean => terminalOf({ isTTY }, env).color
    assert.equal(color(true, {}), true)
    assert.equal(color(false, {}), false)
    assert.equal(color(true, { NO_COLOR: '1' }), false)
    assert.equal(color(true, { NO_COLOR: '' }), true)
    assert.equal(color(false, { FORCE_COLOR: '1' }), true)
    assert.equal(color(true, { FORCE_COLOR: '0' }), false)
    assert.equal(color(true, { NO_COLOR: '1', FORCE_COLOR: '1' }), false)
    assert.equal(color(true, { TERM: 'dumb' }), false)
    assert.equal(terminalOf({ isTTY: true, columns: 0 }, {}).columns, 80)
    assert.equal(terminalOf({ isTTY: false, columns: 80 }, {}).columns, Infinity)
    assert.equal(paint({ columns: 80, color: true }, 'red', 'x'), '\x1b[31mx\x1b[0m')
  })

  it('columns: what is wide in East Asia has two, what combines none', () => {
    const widths = { abc: 3, 漢字: 4, ｶﾅ: 2, カナ: 4, 한글: 4, Ａ: 2, '\u{20000}': 2, '😀': 2 }
    for (const [text, width] of Object.entries(widths)) assert.equal(widthOf(text), width, text)
    assert.deepEqual(
      ['e\u0301', '\u200b', '●', '█░', '├─ ╰ ', '…', 'é', 'д', ''].map(widthOf),
      [1, 0, 1, 2, 5, 1, 1, 1, 0],
    )
    assert.deepEqual(
      [0, 1, 2, 3, 9].map((room) => cut('漢x字', room)),
      ['', '', '漢', '漢x', '漢x字'],
    )
    assert.equal(cut('e\u0301x', 1), 'e\u0301')
  })

  it('tables: aligned, the last column wrapped where there is room for it', () => {
    const rows = [
      ['a', 'one two three four five six'],
      ['long', 'x'],
    ]
    assert.equal(table(rows, plain), 'a     one two three four five six\nlong  x')
    const narrow = table(rows, { columns: 30, color: false })
    assert.equal(narrow, 'a     one two three four five\n      six\nlong  x')
    assert.ok(table(rows, { columns: 20, color: false }).startsWith('a     one two three four five six'))
    const colored = { columns: Infinity, color: true }
    assert.equal(
      table(
        [
          [paint(colored, 'red', 'ab'), 'c'],
          ['x', 'd'],
        ],
        colored,
      ),
      '\x1b[31mab\x1b[0m  c\nx   d',
    )
    assert.equal(
      table(
        [
          ['漢字', 'x'],
          ['abc', 'y'],
        ],
        plain,
      ),
      '漢字  x\nabc   y',
    )
    assert.deepEqual(wrap('漢字 漢字', 8), ['漢字', '漢字'])
    assert.deepEqual(wrap('averylongword b', 5), ['averylongword', 'b'])
    assert.equal(table([], plain), '')
  })

  it('progress: share, rate and time left, as far as they are known, in one line', () => {
    const known = progressLine(
      'apply a',
      measureTar({ bytes: 50 * 2 ** 20, entries: 3 }, 100 * 2 ** 20),
      5,
      200,
    )
    assert.equal(known, 'apply a  ██████████░░░░░░░░░░  50%  50 MiB, 3 entries  10 MiB/s  5 s left')
    const unknown = progressLine('diff a', measureTar({ bytes: 0, entries: 1 }), 0, 200)
    assert.equal(unknown, 'diff a  0 B, 1 entry')
    const wide = progressLine('字'.repeat(300), measureTar({ bytes: 0, entries: 0 }), 0, 80)
    assert.equal(wide, '字'.repeat(39))
    assert.equal(progressLine('x'.repeat(300), measureTar({ bytes: 0, entries: 0 }), 0, 80).length, 79)
  })

  it('progress is for terminals, and takes itself away', () => {
    const written: string[] = []
    const write = (text: string): number => written.push(text)
    assert.equal(new ProgressBar({ write }, 'x').update, undefined)
    // 0: nobody told the terminal its size.
    const bar = new ProgressBar({ isTTY: true, columns: 0, write }, 'apply')
    bar.clear()
    assert.deepEqual(written, [])
    bar.update?.(measureTar({ bytes: 1, entries: 1 }))
    bar.clear()
    assert.deepEqual(written, ['\rapply  1 B, 1 entry\x1b[K', '\r\x1b[K'])
  })

  it('mounts as fstab, as commands and for containerd', () => {
    const overlay = { type: 'overlay', source: 'overlay', options: ['lowerdir=/a b', "upperdir=/it's"] }
    assert.deepEqual(fstabLines([overlay], '/mnt/tab\there\\'), [
      "overlay /mnt/tab\\011here\\134 overlay noauto,lowerdir=/a\\040b,upperdir=/it's 0 0",
    ])
    assert.deepEqual(mountCommands([overlay], '/t'), [
      "mount -t overlay -o 'lowerdir=/a b,upperdir=/it'\\''s' overlay /t",
    ])
    const bind = { type: 'bind', source: '/s', options: ['rbind', 'ro'] }
    assert.deepEqual(mountCommands([bind], '/t'), ['mount -o rbind,ro /s /t'])
    assert.equal(fstabLines([bind, { ...bind, options: ['remount', 'append:/x'] }], '/t'), undefined)
    assert.deepEqual(JSON.parse(containerdJson([bind])), [
      { type: 'bind', source: '/s', target: '', options: ['rbind', 'ro'] },
    ])
    assert.deepEqual(['a/b', '', '$x', "'"].map(shellWord), ['a/b', "''", "'$x'", "''\\'''"])
  })
})
