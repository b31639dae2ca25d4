# An XDP program that drops every packet (XDP_DROP is 1), and its license. drop.o is made of
# it without a compiler for BPF:
#   gcc -c -o drop.o drop.s
#   strip -g -R .text -R .data -R .bss -R .note.gnu.property drop.o
#   printf '\367' | dd of=drop.o bs=1 seek=18 conv=notrunc      # e_machine: EM_BPF
# and loaded by: ip link set dev eth0 xdpgeneric obj drop.o sec xdp
.section xdp,"ax",@progbits
.globl drop
.type drop, @function
drop:
.byte 0xb7,0,0,0, 1,0,0,0	# mov r0, 1
.byte 0x95,0,0,0, 0,0,0,0	# exit
.size drop, 16
.section license,"aw",@progbits
.asciz "GPL"
