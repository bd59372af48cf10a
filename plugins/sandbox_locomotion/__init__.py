"""Robot locomotion on MuJoCo. The README says where to begin reading."""
