# The record on Twitchy's log topic, version 1, for Kaitai Struct (kaitai-struct-compiler makes readers for Java, Python,
# Go, C++, JavaScript and more from it). The text that goes with it is docs/log-record.md. Version 1 never changes:
# another layout will be another version, in a file of its own.
meta:
  id: log_record_v1
  title: Record of Twitchy's log, version 1
  license: MIT OR Apache-2.0
  encoding: UTF-8
  endian: le
doc: |
  The value of one Kafka record. A reader that meets another version or kind sets the record aside, counts it and goes on.
  Bytes left over behind the body make the record malformed.
doc-ref: docs/log-record.md
seq:
  - id: version
    type: u1
    valid: 1
  - id: kind
    type: u1
    enum: kind
    valid:
      any-of:
        - kind::message
        - kind::delete
        - kind::clear
        - kind::ban
        - kind::unban
        - kind::role
        - kind::settings
        - kind::pin
        - kind::unpin
        - kind::block_phrase
        - kind::allow_phrase
        - kind::retitle
  - id: body
    size-eos: true
    type:
      switch-on: kind
      cases:
        kind::message: message
        _: measure
enums:
  kind:
    1: message
    2: delete
    3: clear
    4: ban
    5: unban
    6: role
    7: settings
    8: pin
    9: unpin
    10: block_phrase
    11: allow_phrase
    12: retitle
types:
  measure:
    doc: What a moderator did.
    seq:
      - id: room
        type: varint
      - id: by
        type: person
      - id: at
        type: varint
        doc: Milliseconds since 1970-01-01T00:00:00Z.
      - id: has_reason
        type: bool
      - id: reason
        type: text
        if: has_reason.value
      - id: own
        type:
          switch-on: _root.kind
          cases:
            kind::delete: own_delete
            kind::clear: own_clear
            kind::ban: own_ban
            kind::unban: person
            kind::role: own_role
            kind::settings: own_settings
            kind::pin: own_pin
            kind::unpin: nothing
            kind::block_phrase: own_block_phrase
            kind::allow_phrase: own_allow_phrase
            kind::retitle: own_retitle
  nothing:
    seq: []
  person:
    seq:
      - id: id
        type: varint
      - id: username
        type: text
  own_delete:
    seq:
      - id: message
        size: 16
      - id: seq_of_message
        type: varint
      - id: author
        type: person
      - id: excerpt
        type: text
  own_clear:
    seq:
      - id: has_user
        type: bool
      - id: user
        type: person
        if: has_user.value
        doc: Everyone's messages where there is none.
  own_ban:
    seq:
      - id: user
        type: person
      - id: has_seconds
        type: bool
      - id: seconds
        type: varint
        if: has_seconds.value
        doc: For ever where there are none.
  own_role:
    seq:
      - id: user
        type: person
      - id: role
        type: text
        doc: viewer, vip, moderator or broadcaster.
  own_settings:
    seq:
      - id: has_slow_mode_seconds
        type: bool
      - id: slow_mode_seconds
        type: varint
        if: has_slow_mode_seconds.value
      - id: has_emote_only
        type: bool
      - id: emote_only
        type: bool
        if: has_emote_only.value
      - id: has_unique_chat
        type: bool
      - id: unique_chat
        type: bool
        if: has_unique_chat.value
  own_pin:
    seq:
      - id: seq_of_message
        type: varint
      - id: message
        type: message
  own_block_phrase:
    seq:
      - id: phrase
        type: text
      - id: pattern
        type: bool
  own_allow_phrase:
    seq:
      - id: blocked_by
        type: varint
        doc: The place of the measure that blocked it.
      - id: phrase
        type: text
  own_retitle:
    seq:
      - id: has_title
        type: bool
      - id: title
        type: text
        if: has_title.value
        doc: What is none did not change.
      - id: has_description
        type: bool
      - id: description
        type: text
        if: has_description.value
  message:
    seq:
      - id: id
        size: 16
        doc: A UUID of version 7, in the order in which it is written.
      - id: room
        type: varint
        doc: Number of the room.
      - id: author
        type: author
      - id: text
        type: text
        doc: What everybody sees, after the room's style.
      - id: original
        type: text
        doc: What was typed. For its author and for moderators only.
      - id: len_emotes
        type: varint
      - id: emotes
        type: emote
        repeat: expr
        repeat-expr: len_emotes.value
      - id: len_mentions
        type: varint
      - id: mentions
        type: text
        repeat: expr
        repeat-expr: len_mentions.value
        doc: Usernames.
      - id: has_reply_to
        type: bool
      - id: reply_to
        type: reply_to
        if: has_reply_to.value
      - id: action
        type: bool
        doc: Written with /me.
      - id: styled
        type: bool
        doc: False when the style failed and `text` is what was typed.
      - id: sent_at
        type: varint
        doc: Milliseconds since 1970-01-01T00:00:00Z, by the clock of the gateway that accepted it.
      - id: has_nonce
        type: bool
      - id: nonce
        type: text
        if: has_nonce.value
        doc: The sender's own key against sending twice.
  author:
    seq:
      - id: id
        type: varint
      - id: username
        type: text
        doc: Lower case.
      - id: display_name
        type: text
      - id: color
        type: text
        doc: "As #RRGGBB."
      - id: len_badges
        type: varint
      - id: badges
        type: text
        repeat: expr
        repeat-expr: len_badges.value
  emote:
    doc: A picture in `text`. Places count Unicode code points from 0; `end` is the last one of it.
    seq:
      - id: id
        type: text
      - id: name
        type: text
      - id: start
        type: varint
      - id: end
        type: varint
  reply_to:
    doc: The message that this one answers.
    seq:
      - id: id
        size: 16
      - id: username
        type: text
      - id: display_name
        type: text
      - id: excerpt
        type: text
  text:
    seq:
      - id: len
        type: varint
        doc: In bytes.
      - id: value
        type: str
        size: len.value
  bool:
    seq:
      - id: flag
        type: u1
        valid:
          max: 1
    instances:
      value:
        value: flag == 1
  varint:
    doc: |
      An unsigned number, seven bits a byte, the lowest first; the top bit says that another byte follows. At most ten
      bytes. Java shows numbers from 2^63 as negative ones (Long.toUnsignedString), and JavaScript is exact up to 2^31 alone:
      examples/read_log.mjs is the reader for it.
    seq:
      - id: groups
        type: u1
        repeat: until
        repeat-until: _ < 0x80
    instances:
      last:
        value: groups.size - 1
      value:
        value: >-
          ((groups[0] & 0x7f).as<u8>
          + (last >= 1 ? (groups[1] & 0x7f).as<u8> << 7 : 0)
          + (last >= 2 ? (groups[2] & 0x7f).as<u8> << 14 : 0)
          + (last >= 3 ? (groups[3] & 0x7f).as<u8> << 21 : 0)
          + (last >= 4 ? (groups[4] & 0x7f).as<u8> << 28 : 0)
          + (last >= 5 ? (groups[5] & 0x7f).as<u8> << 35 : 0)
          + (last >= 6 ? (groups[6] & 0x7f).as<u8> << 42 : 0)
          + (last >= 7 ? (groups[7] & 0x7f).as<u8> << 49 : 0)
          + (last >= 8 ? (groups[8] & 0x7f).as<u8> << 56 : 0)
          + (last >= 9 ? (groups[9] & 0x7f).as<u8> << 63 : 0)).as<u8>
