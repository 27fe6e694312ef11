// The man page, in the macros of man(7), of what --help is made of.

/** Text of roff: backslashes and hyphens mean something, a dot or quote at the start of a line, too. */
function text(words) {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '\\[u2026]')
    .replace(/`([^`]*)`/g, '\\fB$1\\fR')
    .replace(/^([.'])/gm, '\\&$1')
}

function option({ flags, summary, choices, env }) {
  const values = choices === undefined ? '' : ` One of ${choices.join(', ')}.`
  const also = env === undefined ? '' : ` Also ${env}.`
  return ['.TP', `\\fB${text(flags)}\\fR`, text(`${sentence(summary)}${values}${also}`)]
}

export function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

function synopsis({ name, options = [], arguments: given = [] }) {
  const words = given.map((one) => text(one.name)).join(' ')
  return `\\fBgraphdriver ${text(name)}\\fR${options.length > 0 ? ' [options]' : ''} ${words}`.trimEnd()
}

function verb(one) {
  const { summary, details = [], arguments: given = [], options = [], shape, examples = [] } = one
  return [
    '.SS',
    synopsis(one),
    text(sentence(summary)),
    ...details.flatMap((paragraph) => ['.PP', text(paragraph)]),
    ...given.flatMap(({ name, summary: what }) => ['.TP', `\\fI${text(name)}\\fR`, text(sentence(what))]),
    ...options.flatMap(option),
    ...(shape === undefined ? [] : ['.TP', '\\fB\\-\\-json\\fR prints', text(shape)]),
    ...examples.flatMap(({ command, says }) => [
      '.PP',
      text(`${sentence(says)}`),
      '.PP',
      '.EX',
      `    ${text(command)}`,
      '.EE',
    ]),
  ]
}

/** @param cli { verbs, common, exitCodes, version } */
export function manPage({ verbs, common, exitCodes, version }) {
  const lines = [
    `.\\" Made by scripts/checks/pages.mjs of lib/cli; do not edit.`,
    `.TH GRAPHDRIVER 1 "" "graphdriver ${version}" "User Commands"`,
    '.SH NAME',
    'graphdriver \\- layered root filesystems, mounted straight through the kernel',
    '.SH SYNOPSIS',
    '\\fBgraphdriver\\fR \\fIverb\\fR [options] [arguments]',
    '.SH DESCRIPTION',
    text(
      'A store is a directory with a tree of filesystem layers. A layer and all below it are joined into one root by a union mount: aufs, overlay, or plain copies (vfs). Nothing is spawned but for `run`.',
    ),
    '.SH OPTIONS',
    'Every verb has these.',
    ...common.flatMap(option),
    '.SH VERBS',
    ...verbs.flatMap(verb),
    '.SH EXIT STATUS',
    ...exitCodes.flatMap(([code, meaning]) => ['.TP', `\\fB${text(code)}\\fR`, text(sentence(meaning))]),
    '.SH ENVIRONMENT',
    ...common.flatMap(({ env, flags }) =>
      env === undefined ? [] : ['.TP', `\\fB${env}\\fR`, text(`As ${flags}.`)],
    ),
    '.TP',
    '\\fBNO_COLOR\\fR',
    'No colours. \\fBFORCE_COLOR\\fR asks for them where the output is no terminal.',
    '.SH SEE ALSO',
    '.BR mount (2),',
    '.BR umount (2),',
    '.BR unshare (1),',
    '.BR chroot (1),',
    '.BR fstab (5)',
  ]
  return `${lines.join('\n')}\n`
}
