// Pages of Markdown that are made of lib/cli: the command, and the error codes.
import { sentence } from './man.mjs'

const NOTE = '<!-- Made by scripts/checks/pages.mjs of lib/cli; do not edit: npm run pages -->'

function cell(words) {
  return words.replaceAll('|', '\\|')
}

function rows(head, body) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map((cells) => line(cells.map(cell)))]
}

function verb({ name, summary, details = [], arguments: given = [], options = [], shape, examples = [] }) {
  const words = ['graphdriver', name, ...given.map((one) => one.name)].join(' ')
  const choices = (one) => (one === undefined ? '' : ` (${one.join(', ')})`)
  const body = [
    ...given.map((one) => [`\`${one.name}\``, `${one.summary}${choices(one.choices)}`]),
    ...options.map((one) => [`\`${one.flags}\``, `${one.summary}${choices(one.choices)}`]),
  ]
  return [
    `## ${name}`,
    '',
    `\`${words}\`: ${summary}.`,
    ...details.flatMap((paragraph) => ['', paragraph]),
    ...(body.length > 0 ? ['', ...rows(['word', 'what'], body)] : []),
    ...examples.flatMap(({ command, says, notRun }) => [
      '',
      `${sentence(says)}`,
      '',
      ...(notRun === undefined ? [] : [`<!-- not run: ${notRun} -->`, '']),
      '```sh',
      command,
      '```',
    ]),
    ...(shape === undefined ? [] : ['', `With \`--json\`: \`${shape.replaceAll('`', "'")}\``]),
    '',
  ]
}

/** docs/command.md */
export function commandPage({ verbs, common, exitCodes }) {
  return [
    '# The command',
    '',
    NOTE,
    '',
    '`graphdriver <verb> [options] [arguments]`. `graphdriver help <verb>` and `man graphdriver` say the same as this page.',
    '',
    '## Every verb',
    '',
    ...rows(
      ['option', 'what', 'environment'],
      common.map(({ flags, summary, env }) => [
        `\`${flags}\``,
        summary,
        env === undefined ? '' : `\`${env}\``,
      ]),
    ),
    '',
    'What `--json` prints is one line on the standard output. Its shape stays: members are added, never renamed or taken away, within a major version. An error is `{ error: { code, message, remedy?, errno?, syscall?, path?, dest?, id?, detail? } }` on the standard error.',
    '',
    ...rows(
      ['exit code', 'meaning'],
      exitCodes.map(([code, meaning]) => [code, meaning]),
    ),
    '',
    'Progress is shown on the standard error when that is a terminal. Ctrl-C undoes what was begun, or says what stays. `NO_COLOR` turns colours off, `FORCE_COLOR` on.',
    '',
    ...verbs.flatMap(verb),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

function explained({ code, errno, cause, remedy }) {
  return [
    `### ${code}${errno === undefined ? '' : ` (${errno})`}`,
    '',
    cause,
    '',
    `**What to do:** ${remedy}`,
    '',
  ]
}

/** docs/errors.md */
export function errorsPage({ own, node, command, system }) {
  return [
    '# Errors',
    '',
    NOTE,
    '',
    'Every error has a `code`. Test that, never the text. `graphdriver doctor <code>` prints what is here.',
    '',
    'A failed system call is a `SyscallError`, shaped like Node’s own: `code` (`EBUSY`), `errno` (negative), `syscall`, `path`, `dest`, and `detail`, the kernel’s own words or what was found out after the failure. Everything else is a `GraphDriverError`: `code`, and `id`, `path`, `detail`, `cause` where there are any. Wrong arguments are a `TypeError` or `RangeError` with a code of Node’s.',
    '',
    '## Codes of GraphDriverError',
    '',
    ...own.flatMap(explained),
    '## Codes of Node.js',
    '',
    ...node.flatMap(explained),
    '## Codes of the command',
    '',
    ...command.flatMap(explained),
    '## Errnos',
    '',
    'The `code` of a `SyscallError` may be any errno of Linux. These are the ones that come up.',
    '',
    ...system.flatMap(explained),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}
